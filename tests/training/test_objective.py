import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resnet_demo.config import TrainConfig
from resnet_demo.data.augment import epoch_order
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.training.loop import Training
from resnet_demo.training.objective import class_weights, mean_loss
from resnet_demo.training.scores import step_scores

LABELS = np.array([0] * 90 + [1] * 9 + [2])  # unequal classes


def test_weights_give_each_class_the_same_sum_and_a_picture_one_on_average() -> None:
    weights = class_weights(LABELS, 3, torch.device("cpu")).numpy()
    sums = np.bincount(LABELS) * weights
    assert sums == pytest.approx([100 / 3] * 3)
    assert weights[LABELS].mean() == pytest.approx(1)


def test_a_class_without_a_picture_does_no_harm() -> None:
    assert class_weights(LABELS, 4, torch.device("cpu")).isfinite().all()


def test_the_loss_of_weighed_classes_is_its_definition_and_shares_of_a_batch_add_up() -> None:
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(12, 3, generator=random), torch.arange(12) % 3
    weights = torch.tensor([0.5, 1.0, 4.0])
    each = F.cross_entropy(logits, labels, reduction="none") * weights[labels]
    whole = mean_loss(logits, labels, 0.0, weights)
    assert whole == pytest.approx(each.mean().item())
    parts = [
        mean_loss(logits[part], labels[part], 0.0, weights) for part in (slice(4), slice(4, 12))
    ]
    assert whole == pytest.approx((4 * parts[0] + 8 * parts[1]).item() / 12)


def test_without_weights_it_is_torchs_mean_to_the_bit() -> None:
    logits, labels = torch.randn(12, 3), torch.arange(12) % 3
    assert mean_loss(logits, labels, 0.1).equal(
        F.cross_entropy(logits, labels, label_smoothing=0.1)
    )


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 4.0])])
def test_shares_that_are_whole_are_labels(weights: torch.Tensor | None) -> None:
    logits, labels = torch.randn(12, 3), torch.arange(12) % 3
    shares = F.one_hot(labels, 3).float()
    wanted = mean_loss(logits, labels, 0.1, weights)
    torch.testing.assert_close(mean_loss(logits, shares, 0.1, weights), wanted)
    sums = [step_scores(wanted, logits, each, [logits])[1] for each in (labels, shares)]
    torch.testing.assert_close(sums[1].float(), sums[0].float())  # summed in float64, of float32


def test_sampling_shows_each_class_as_often_as_the_others_and_epochs_differ() -> None:
    order = [epoch_order(100, 0, epoch, LABELS.tobytes()) for epoch in range(100)]
    counts = np.bincount(LABELS[np.concatenate(order)])
    assert counts == pytest.approx([10_000 / 3] * 3, rel=0.05)
    assert not np.array_equal(order[0], order[1])
    assert np.array_equal(order[0], epoch_order(100, 0, 0, LABELS.tobytes()))


@pytest.mark.parametrize("balance", ["loss", "sampling"])
def test_a_rare_class_is_learnt_when_it_counts_as_much(balance: str) -> None:
    """Two greys that are hard to tell apart, one of them forty times as often: the rare one is
    called by its name more often."""
    assert called_rare(balance) > called_rare("none") + 0.2


def called_rare(balance: str) -> float:
    """Share of the rare class's pictures that are called so."""
    pixels, config = greys(), TrainConfig(
        arch="resnet8", px=16, start_px=16, batch_size=41, epochs=6, balance=balance,
        min_crop=1.0, zero_init=False, optimizer="sgd", lr=0.1,
    )  # fmt: skip
    training = Training(config, pixels, pixels, 2)
    for _ in training.run():
        pass
    rare = torch.from_numpy(pixels.images[pixels.labels == 1]).permute(0, 3, 1, 2)
    with torch.no_grad():
        called = training.logits(training.model.eval(), rare).argmax(1)
    return called.double().mean().item()


def greys() -> Pixels:
    random = np.random.default_rng(0)
    labels = np.array([0] * 400 + [1] * 10)
    grey = random.normal(np.where(labels == 1, 140, 110), 25)[:, None, None, None]
    images = np.broadcast_to(grey.clip(0, 255), (410, 16, 16, 3)).astype(np.uint8)
    return Pixels(images, labels, tuple(map(str, range(410))), ())
