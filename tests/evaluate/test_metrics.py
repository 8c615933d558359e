import math

import numpy as np
import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import evaluate
from resnet_demo.evaluate.metrics import ClassScore, score
from resnet_demo.evaluate.statistics import wilson
from tests.data.test_pixel_cache import drained


def test_wilson_against_the_formula_by_hand() -> None:
    low, high = wilson(3454, 3925)  # 88.0 %
    assert (round(low, 2), round(high, 2)) == (86.95, 88.98)
    assert (
        wilson(0, 10)[0] == 0
        and wilson(10, 10)[1] == pytest.approx(100)
        and wilson(0, 0) == (0, 100)
    )


def test_the_report_counts_what_is_there() -> None:
    logits = torch.tensor([[3.0, 1, 0], [0, 2, 1], [2, 1, 0], [0, 0, 5]])
    scores = score(logits, torch.tensor([0, 1, 1, 2]), ("a", "b", "c"))
    assert scores.n == 4 and scores.top1 == 75 and scores.top5 == 100
    assert scores.per_class == {
        "a": ClassScore(1, 100.0), "b": ClassScore(2, 50.0), "c": ClassScore(1, 100.0),
    }  # fmt: skip


def test_classes_count_alike_in_the_balanced_accuracy() -> None:
    labels = torch.tensor([0] * 8 + [1] * 2)
    always_the_first = torch.tensor([[1.0, 0, 0]] * 10)
    scores = score(always_the_first, labels, ("many", "few", "none"))
    assert (scores.top1, scores.balanced_top1) == (80, 50)


def test_calibration_error_against_numpy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(500, 10, generator=generator) * 2
    labels = torch.randint(0, 10, (500,), generator=generator)
    p = np.exp(logits.numpy() - logits.numpy().max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    confidence, right = p.max(1), p.argmax(1) == labels.numpy()
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        if inside.any():
            expected += abs(confidence[inside].mean() - right[inside].mean()) * inside.mean()
    measured = score(logits, labels, tuple("abcdefghij")).ece
    assert math.isclose(measured, 100 * expected, rel_tol=1e-4)


def test_evaluate_refuses_other_classes(pictures, home: Home) -> None:
    with pytest.raises(UserError, match="1000 classes"):
        drained(evaluate("scratch:resnet8", f"folder:{pictures}", home))


def test_temperature_scaling_mends_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(4000, 5, generator=generator) * 2
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    scores = score(3 * honest, labels, tuple("abcde"))
    assert scores.temperature == pytest.approx(3, rel=0.1)
    assert scores.ece_scaled < 3 < scores.ece
    assert sum(row.n for row in scores.reliability) == 4000


def test_what_is_taken_for_what() -> None:
    logits = torch.tensor([[3.0, 0], [0, 1], [0, 4], [2, 0]])
    scores = score(logits, torch.tensor([0, 0, 0, 1]), ("a", "b"), ("p", "q", "r", "s"))
    assert scores.confusion == [[1, 2], [1, 0]]
    assert [row.name for row in scores.worst] == ["r", "s", "q"]
    assert scores.worst[0].label == 0 and scores.worst[0].called == 1
