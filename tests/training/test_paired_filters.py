from dataclasses import replace

import pytest
import torch

from resnet_demo.config import TrainConfig
from resnet_demo.models import build
from resnet_demo.training.gradient_norms import block_norms
from resnet_demo.training.loop import Training
from resnet_demo.training.paired_filters import keep_paired, pair_up
from tests.training.test_loop import splits as splits


def flipped(name: str, values: torch.Tensor) -> torch.Tensor:
    """What a parameter or a norm's average is in the network that sees pictures the other way
    round: channel i stands where i + C / 2 was."""
    if name == "fc.weight":
        return values.roll(values.shape[1] // 2, 1)
    if name == "fc.bias" or values.ndim == 0:
        return values
    values = values.roll(values.shape[0] // 2, 0)
    if values.ndim == 4:
        values = values.flip(3)
        return values if values.shape[1] == 3 else values.roll(values.shape[1] // 2, 1)
    return values


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_a_picture_and_its_mirror_image_are_one(arch: str) -> None:
    """At a side at which strides, too, look at the same pixels of both."""
    torch.manual_seed(0)
    model = build(arch, 10).eval()
    images = torch.randn(2, 3, 65, 65)
    assert not torch.allclose(model(images), model(images.flip(3)), rtol=1e-3)
    pair_up(model)
    torch.testing.assert_close(model(images), model(images.flip(3)), rtol=1e-3, atol=1e-4)


def test_drawn_weights_stay_as_large_as_they_were() -> None:
    before, after = build("resnet10d", 10), build("resnet10d", 10)
    after.load_state_dict(before.state_dict())
    pair_up(after)
    for p, q in zip(before.parameters(), after.parameters()):
        torch.testing.assert_close(p.norm(), q.norm())


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_training_keeps_the_pairs(optimizer: str, splits) -> None:
    """To the last bit: weights after each step, norms' averages where it is validated."""
    config = TrainConfig(
        arch="resnet10d", px=32, start_px=32, batch_size=8, epochs=1, optimizer=optimizer, lr=0.01,
        ema=0.9, paired_filters=True,
    )  # fmt: skip
    training = Training(config, *splits, 3)
    for _ in range(training.steps_per_epoch):
        training.train_step()
    before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
    list(training.validate())
    for model in (training.model, training.best_model):
        for name, values in [*model.named_parameters(), *model.named_buffers()]:
            assert torch.equal(values, flipped(name, values)), name
    for name, p in training.model.named_parameters():
        assert torch.equal(before[name], p), name
    assert training.model.layer4[0].conv1.weight.unique().numel() > 512 * 256 * 9 / 3


def test_a_steps_norms_are_those_of_gradients_and_their_mirror_images(splits) -> None:
    config = TrainConfig(
        arch="resnet10d", px=32, start_px=32, batch_size=8, optimizer="sgd", paired_filters=True
    )
    training = Training(config, *splits, 3)
    alone = Training(replace(config, paired_filters=False), *splits, 3)
    alone.model.load_state_dict(training.model.state_dict())
    metrics = training.train_step().metrics
    alone.train_step()
    for name, p in alone.model.named_parameters():
        assert p.grad is not None
        p.grad = (p.grad + flipped(name, p.grad)) / 2
    for key, norm in block_norms(alone.model).items():
        if key.startswith("param_grad_norm/"):
            assert metrics[key] == pytest.approx(norm, rel=1e-3), key


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_a_state_whose_optimizer_moved_whole_parameters_goes_on(optimizer: str, splits) -> None:
    """As the first version with paired filters left it."""
    config = TrainConfig(
        arch="resnet10d", px=32, start_px=32, batch_size=8, epochs=1, optimizer=optimizer, lr=0.01
    )
    training = Training(config, *splits, 3)
    training.train_step()
    state = training.state()
    resumed = Training(replace(config, paired_filters=True), *splits, 3)
    resumed.load(state)
    resumed.train_step()
    for p, kept in resumed.optimizer.state.items():
        assert all(value.shape in (p.shape, ()) for value in kept.values())


def test_pairs_once_kept_are_kept() -> None:
    torch.manual_seed(0)
    model = build("resnet10d", 10)
    keep_paired(model)
    kept = [values.clone() for values in model.state_dict().values()]
    keep_paired(model)
    assert all(torch.equal(a, b) for a, b in zip(kept, model.state_dict().values()))
