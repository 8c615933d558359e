import threading

import numpy as np
import pytest
import torch
from torch import nn

from resnet_demo.config import ARCHS, Home
from resnet_demo.errors import UserError
from resnet_demo.models import build, reference
from resnet_demo.probe.anatomy import anatomy, check_cuts, cut, dimmed, walk
from resnet_demo.probe.inspection import inspect

TIMM = (
    "resnet10t resnet18 resnet26d resnet50 resnet50d seresnet50 seresnext26t_32x4d resnetblur18 "
    "resnetblur50 resnetaa50 ecaresnet50t resnetrs50 resnext50_32x4d wide_resnet50_2"
).split()


def check_the_walk(model: nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        view = anatomy(model)
        *_, last = walk(view, images)
        logits = model(images)
        assert torch.equal(view.head(last.out), logits)
        assert torch.equal(cut(view, view.stem(images), set()), logits)


@pytest.mark.parametrize("arch", ARCHS)
def test_the_walk_is_the_network_bit_for_bit(arch: str) -> None:
    check_the_walk(build(arch, 10).eval(), torch.randn(2, 3, 32, 32))


@pytest.mark.parametrize("name", TIMM)
def test_so_for_networks_of_timm(name: str) -> None:
    import timm

    check_the_walk(timm.create_model(name, num_classes=7).eval(), torch.randn(2, 3, 64, 64))


def test_branch_and_shortcut_make_the_output() -> None:
    model = build("resnet8", 10).eval()
    with torch.no_grad():
        _, *steps = walk(anatomy(model), torch.randn(1, 3, 32, 32))
    for step in steps:
        assert torch.equal(step.out, (step.branch + step.shortcut).relu())


@pytest.mark.parametrize(("arch", "layers"), [("resnet8", 2), ("resnet50", 1), ("plain20", 2)])
def test_responses_are_those_of_the_3x3_layers_after_normalisation(arch: str, layers: int) -> None:
    """He et al. 2015, Fig. 7."""
    model = build(arch, 10).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        _, first, *_ = walk(anatomy(model), x)
        block = model.layer1[0]
        inside = block.bn1(block.conv1(model.maxpool(model.bn1(model.conv1(x)).relu())))
        inside = block.bn2(block.conv2(inside.relu())) if arch == "resnet50" else inside
    assert len(first.responses) == layers
    assert first.responses[0] == pytest.approx(inside.numpy().std(ddof=1), rel=1e-5)


def test_a_block_that_is_off_passes_its_shortcut_alone() -> None:
    model = build("resnet8", 10).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        view = anatomy(model)
        got = cut(view, view.stem(x), {"layer2.0"})
        unplugged = cut(view, view.stem(x), set(), {"layer2.0"})
        one, two, three = (blocks[0] for blocks in (model.layer1, model.layer2, model.layer3))
        before = one(view.stem(x))
        assert torch.equal(got, model.head(three(two.shortcut(before).relu())))
        assert torch.equal(unplugged, model.head(three(two.branch(before).relu())))


@pytest.mark.parametrize("arch", ["resnet8", "plain8"])
def test_a_channel_that_is_off_is_zero_for_what_comes_after(arch: str) -> None:
    """Also in a plain network, where no block can be."""
    model = build(arch, 10).eval()
    with torch.no_grad():
        view = anatomy(model)
        stem, (one, two, three) = view.stem(torch.randn(2, 3, 32, 32)), view.parts
        after = two.out(one.out(stem))
        after[:, [3, 7]] = 0
        got = cut(view, stem, {"layer2.0:3", "layer2.0:7"})
        assert torch.equal(got, view.head(three.out(after)))
        first = stem.clone()
        first[:, 0] = 0
        assert torch.equal(cut(view, stem, {"stem:0"}), cut(view, first, set()))
        with pytest.raises(UserError, match=r"layer2.0 has the channels 0 to 31. Got 32."):
            cut(view, stem, {"layer2.0:32"})


@pytest.mark.parametrize(
    ("arch", "off", "unplugged", "says"),
    [
        ("plain20", ["layer1.1"], [], "no shortcuts"),
        ("resnet20", ["layer1.1"], ["layer1.1"], "both ways are cut"),
        ("resnet20", ["layer9.1"], [], "no block 'layer9.1'. Near names: layer"),
        ("resnet20", ["layer9.1:0"], [], "no block 'layer9.1'. Near names: layer"),
        ("resnet20", ["layer1.1:x"], [], "no block 'layer1.1:x'. Near names: layer1.1"),
        ("resnet20", [], ["layer1.1:0"], "no block 'layer1.1:0'. Near names: layer1.1"),
    ],
)
def test_cuts_that_cannot_be(arch: str, off: list, unplugged: list, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_cuts(anatomy(build(arch, 10)), off, unplugged)


@pytest.mark.parametrize("only", ["", "layer2.0"])
def test_dimmers_at_their_ends_are_the_network_and_the_cuts(only: str) -> None:
    view = anatomy(build("resnet8", 10).eval())
    x = view.stem(torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    blocks = {only} if only else {part.name for part in view.parts}
    with torch.no_grad():
        assert torch.equal(dimmed(view, x, 1, 1, only), cut(view, x, set()))
        assert torch.equal(dimmed(view, x, 0, 1, only), cut(view, x, blocks))
        torch.testing.assert_close(dimmed(view, x, 1, 0, only), cut(view, x, set(), blocks))
        assert not torch.equal(dimmed(view, x, 0.5, 1, only), cut(view, x, set()))


def test_a_network_without_blocks_is_told() -> None:
    with pytest.raises(UserError, match="no residual blocks"):
        anatomy(nn.Linear(3, 3))


def test_an_inspection_leaves_the_network_as_it_was(home: Home) -> None:
    network = reference.load("scratch:resnet20", home)
    before = {name: t.clone() for name, t in network.model.state_dict().items()}
    inspect(network, np.zeros((40, 40, 3), np.uint8))
    assert all(torch.equal(before[name], t) for name, t in network.model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in network.model.parameters())
    assert not network.model.training


def test_visitors_at_the_same_time_get_their_own_numbers(home: Home) -> None:
    network = reference.load("scratch:resnet8", home)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (40, 40, 3), np.uint8) for _ in range(4)]
    alone = [inspect(network, pixels).record for pixels in pictures]
    found: dict[int, dict] = {}

    def visit(index: int) -> None:
        found[index] = inspect(network, pictures[index]).record

    threads = [threading.Thread(target=visit, args=(index,)) for index in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, record in enumerate(alone):
        assert found[index]["probability"] == pytest.approx(record["probability"], rel=1e-5)
        for got, wanted in zip(found[index]["blocks"], record["blocks"]):
            assert got["grad_norm"] == pytest.approx(wanted["grad_norm"], rel=1e-4)
