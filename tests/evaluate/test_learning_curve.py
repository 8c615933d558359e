"""Whether more pictures would help is read from smaller shares of those that are there."""

import pytest
import torch

from resnet_demo.evaluate.learning_curve import hint, learning_curve, needed


def blobs(n: int, apart: float, channels: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Four classes around four points."""
    random = torch.Generator().manual_seed(n)
    labels = torch.arange(n) % 4
    centres = torch.randn(4, channels, generator=torch.Generator().manual_seed(9))
    return apart * centres[labels] + torch.randn(n, channels, generator=random), labels


def test_where_classes_lie_close_more_pictures_help() -> None:
    curve = learning_curve(*blobs(160, 0.35), *blobs(400, 0.35))
    first, *_, last = (point["top1"] for point in curve["points"])
    assert [point["n"] for point in curve["points"]] == [40, 80, 160]
    assert last > first + 5 and "more pictures will help" in curve["hint"]


def test_where_they_lie_far_apart_none_are_needed() -> None:
    curve = learning_curve(*blobs(160, 5.0), *blobs(400, 5.0))
    assert curve["points"][-1]["top1"] == 100 and "only a harder test" in curve["hint"]


def test_where_half_does_as_well_more_hardly_help() -> None:
    rows = [{"n": n, "top1": top1} for n, top1 in ((100, 80.0), (200, 80.5), (400, 81.0))]
    assert "would hardly help" in hint(rows)


def test_of_too_few_pictures_nothing_is_said() -> None:
    assert learning_curve(*blobs(160, 1.0), *blobs(12, 1.0)) is None
    assert learning_curve(*blobs(16, 1.0), *blobs(400, 1.0)) is None


def test_of_more_than_is_cheap_nothing_is_said_either() -> None:
    assert learning_curve(*blobs(2_001, 1.0), *blobs(400, 1.0)) is None


def test_how_many_follows_from_the_power_law() -> None:
    """Errors of 40 and 20 % at 100 and 400 pictures: half a power, so four times as many."""
    quarter, half, full = ({"n": n, "top1": top1} for n, top1 in ((100, 60), (200, 71), (400, 80)))
    assert "about 1,600 of them" in needed(quarter, full)
    assert "about 1,600 of them" in hint([quarter, half, full])


@pytest.mark.parametrize("now", [100.0, 50.0])
def test_nothing_is_foretold_without_a_fall(now: float) -> None:
    assert needed({"n": 100, "top1": 60.0}, {"n": 400, "top1": now}) == ""
