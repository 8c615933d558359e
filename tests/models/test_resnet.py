import pytest
import timm
import torch
import torchvision

from resnet_demo import config
from resnet_demo.config import CIFAR_DEPTHS, IMAGENET_DEPTHS
from resnet_demo.errors import UserError
from resnet_demo.models import build, describe, resnet
from resnet_demo.models.resnet import Bottleneck


def num_params(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("depth", IMAGENET_DEPTHS)
def test_imagenet_nets_are_torchvisions(depth: int) -> None:
    ours, theirs = build(f"resnet{depth}"), getattr(torchvision.models, f"resnet{depth}")()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs.eval()(images))
        assert torch.equal(ours.train()(images), theirs.train()(images))


def test_gradients_are_torchvisions() -> None:
    """To the last bit, though here the stem's ReLU comes after its pooling; where no convolution
    has so few pixels that it is a matrix product."""
    ours, theirs = build("resnet18"), torchvision.models.resnet18()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    for model in (ours, theirs):
        model.train()(images).square().mean().backward()
    learned = dict(theirs.named_parameters())
    assert all(torch.equal(p.grad, learned[name].grad) for name, p in ours.named_parameters())


@pytest.mark.parametrize("depth", IMAGENET_DEPTHS)
def test_costs_are_torchvisions(depth: int) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"resnet{depth}")().eval()
        images = torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        theirs(images)
    rows = describe(f"resnet{depth}")
    assert sum(row.params for row in rows) == num_params(theirs)
    assert sum(row.multiply_adds for row in rows) == counter.get_total_flops() // 2


PAPER = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@pytest.mark.parametrize("depth", PAPER)
def test_cifar_nets_and_their_twins_have_the_papers_parameters(depth: int) -> None:
    assert num_params(build(f"resnet{depth}", 10)) == PAPER[depth]
    assert num_params(build(f"plain{depth}", 10)) == PAPER[depth]


def test_multiply_adds_of_cifar_nets() -> None:
    assert sum(row.multiply_adds for row in describe("resnet20", 10)) // 10_000 == 4055
    assert describe("resnet20", 10) == describe("plain20", 10)


@pytest.mark.parametrize("depth", CIFAR_DEPTHS)
def test_a_cifar_net_has_its_depth_in_weighted_layers(depth: int) -> None:
    weighted = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(m, weighted) for m in build(f"plain{depth}").modules()) == depth


def test_a_plain_net_differs_by_the_addition_alone() -> None:
    residual, plain = build("resnet20", 10), build("plain20", 10)
    plain.load_state_dict(residual.state_dict())
    x = torch.randn(2, 16, 8, 8)
    ours, twins = residual.eval().layer1[0], plain.eval().layer1[0]
    assert torch.equal(ours(x), torch.relu(twins.branch(x) + x))
    assert torch.equal(twins(x), torch.relu(twins.branch(x)))


@pytest.mark.parametrize("arch", ["resnet20", "resnet18", "resnet50"])
def test_zero_init_makes_every_block_its_shortcut(arch: str) -> None:
    for _, block in build(arch, zero_init=True).blocks():
        last = block.bn3 if isinstance(block, Bottleneck) else block.bn2
        assert not last.weight.any()


def test_zero_init_leaves_plain_nets_alive() -> None:
    assert build("plain20", zero_init=True)(torch.randn(2, 3, 32, 32)).std() > 0


def test_the_walk_names_blocks_as_torchvision_does() -> None:
    model = build("resnet18", 10).eval()
    outputs = dict(model.walk(torch.randn(1, 3, 64, 64)))
    assert list(outputs)[:2] == ["stem", "layer1.0"] and list(outputs)[-2:] == ["layer4.1", "fc"]
    assert outputs["layer4.1"].shape == (1, 512, 2, 2) and outputs["fc"].shape == (1, 10)


def test_he_initialisation_keeps_the_variance() -> None:
    weight = build("resnet18").layer3[1].conv1.weight
    assert abs(weight.std().item() - (2 / (256 * 9)) ** 0.5) < 1e-3


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UserError, match="resnet18, .*plain110"):
        build("resnet35")


@pytest.mark.parametrize(("arch", "per_stage"), [("resnet20", 3), ("resnet56", 9)])
def test_published_option_a_weights_fit_in_order(arch: str, per_stage: int) -> None:
    """Shapes and order of the CIFAR weights that others publish: no shortcut has parameters."""
    published = [*cifar_layer(3, 16)]
    channels = 16
    for width in (16, 32, 64):
        for _ in range(per_stage):
            published += [*cifar_layer(channels, width), *cifar_layer(width, width)]
            channels = width
    published += [(10, 64), (10,)]
    ours = build(arch, 10).state_dict()
    assert [tuple(tensor.shape) for tensor in ours.values()] == published
    tensors = dict(zip(ours, (torch.randn(shape) for shape in published)))
    build(arch, 10).load_state_dict(tensors)


def cifar_layer(channels_in: int, channels_out: int) -> list[tuple[int, ...]]:
    """A 3x3 convolution, then weight, bias, running mean and variance and the norm's counter."""
    return [(channels_out, channels_in, 3, 3), *[(channels_out,)] * 4, ()]


def test_the_tweaked_net_is_timms() -> None:
    """ResNet-D: names, shapes, order of initialisation aside, and every logit."""
    ours, theirs = build("resnet18d", 10), timm.create_model("resnet18d", num_classes=10)
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 65, 65, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs.eval()(images))
    assert config.depth_of("resnet18d") == 18
    assert config.TrainConfig(arch="plain10d").twin().arch == "resnet10d"


def test_the_narrow_net_keeps_the_pixels_that_a_pooled_stem_drops() -> None:
    images = torch.zeros(1, 3, 64, 64)
    sides = {
        arch: [x.shape[-1] for name, x in build(arch, 10).eval().walk(images) if name != "fc"]
        for arch in ("resnet10d", "resnet10s")
    }
    assert sides == {"resnet10d": [16, 16, 8, 4, 2], "resnet10s": [32, 32, 16, 8, 4]}
    assert config.depth_of("plain10s") == 10 and num_params(build("resnet10s", 10)) < 3e6


def test_the_wide_net_is_half_as_wide_again_at_the_same_depth() -> None:
    images = torch.zeros(1, 3, 64, 64)
    shapes = {
        arch: [tuple(x.shape[1:]) for _, x in build(arch, 10).eval().walk(images)][:-1]
        for arch in ("resnet18d", "resnet18w")
    }
    assert shapes["resnet18w"] == [(c * 3 // 2, h, w) for c, h, w in shapes["resnet18d"]]
    assert config.depth_of("resnet18w") == 18 and config.can_be_paired("resnet18w", "")


def test_a_new_depth_is_a_line_and_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """README's recipe, followed: the 26-layer bottleneck net that timm has."""
    monkeypatch.setitem(resnet.TABLE, "26", resnet.Arch(Bottleneck, (2, 2, 2, 2)))
    for module in (config, resnet):  # what IMAGENET_DEPTHS makes of the number
        monkeypatch.setattr(module, "ARCHS", (*config.ARCHS, "resnet26", "plain26"))
    assert num_params(build("resnet26")) == num_params(timm.create_model("resnet26"))
    assert num_params(build("plain26")) < num_params(build("resnet26"))
    assert config.TrainConfig(arch="plain26").twin().arch == "resnet26"
