from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.cka import centred_gram, cka, compare
from resnet_demo.evaluate.lesion import lesion
from resnet_demo.evaluate.sample import sample, spread
from resnet_demo.models import reference
from resnet_demo.probe.anatomy import anatomy, cut
from resnet_demo.progress import finish
from tests.classify.test_predictor import saved


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A network that knows three colours."""
    saved(tmp_path / "colours.safetensors")
    return f"file:{tmp_path / 'colours.safetensors'}"


def test_without_a_cut_it_is_the_baseline_and_each_row_is_its_network(
    model: str, pictures: Path, home: Home
) -> None:
    network, data = reference.load(model, home), f"folder:{pictures}"
    answer = finish(lesion(network, model, data, home, n=12))
    pictured = finish(sample(network, model, data, home, 12))
    with torch.no_grad():
        view = anatomy(network.model)
        whole = network.model(pictured.images()).argmax(1)
        right = int((whole == pictured.labels).sum())
        assert answer["baseline_top1"] == 100 * right / 12
        for row in answer["blocks"]:
            called = cut(view, view.stem(pictured.images()), {row["name"]}).argmax(1)
            top1 = 100 * float((called == pictured.labels).double().mean())
            assert row["top1"] == pytest.approx(top1)
            assert row["drop"] == pytest.approx(answer["baseline_top1"] - top1)
            assert row["kept"] == pytest.approx(100 * float((called == whole).double().mean()))
    assert [row["name"] for row in answer["blocks"]] == [part.name for part in view.parts]
    assert [row["downsamples"] for row in answer["blocks"]] == [p.downsamples for p in view.parts]


def test_chosen_cuts_alone_and_together(model: str, pictures: Path, home: Home) -> None:
    network, data = reference.load(model, home), f"folder:{pictures}"
    off, unplug = ("layer1.0", "layer2.0:5"), ("layer3.0",)
    answer = finish(lesion(network, model, data, home, 12, off, unplug))
    assert [row["name"] for row in answer["blocks"]] == [*off, "layer3.0 shortcut"]
    pictured = finish(sample(network, model, data, home, 12))
    with torch.no_grad():
        view = anatomy(network.model)
        called = cut(view, view.stem(pictured.images()), set(off), set(unplug)).argmax(1)
    top1 = 100 * float((called == pictured.labels).double().mean())
    assert answer["together"]["top1"] == pytest.approx(top1)


def test_a_stop_need_not_wait_for_all_cuts_of_a_batch(model: str, home: Home) -> None:
    network = reference.load(model, home)
    told = [what for what, _, _ in lesion(network, model, "shapes", home, n=10)]
    assert told.count("Lesioning") > len(anatomy(network.model).parts)
    assert not torch.is_inference_mode_enabled()


def test_pictures_of_other_classes_show_how_many_names_are_kept(model: str, home: Home) -> None:
    answer = finish(lesion(reference.load(model, home), model, "shapes", home, n=10))
    assert answer["baseline_top1"] is None and "keep the name" in answer["note"]
    assert all(0 <= row["kept"] <= 100 and row["drop"] is None for row in answer["blocks"])


def test_refusals(model: str, home: Home) -> None:
    plain = reference.load("bundled:plain56", home)
    with pytest.raises(UserError, match="no shortcuts"):
        finish(lesion(plain, "bundled:plain56", "shapes", home))
    with pytest.raises(UserError, match="number of pictures"):
        finish(lesion(reference.load(model, home), model, "shapes", home, n=0))


def test_a_sample_is_spread_over_the_classes() -> None:
    assert spread(100, 3) == [0, 50, 99]  # ends and middle
    assert spread(3, 10) == [0, 1, 2]


def test_cka_against_its_formula_by_features() -> None:
    """Kornblith et al. 2019, linear CKA: ||Y'X||^2 / (||X'X|| ||Y'Y||) of centred features."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 7)) + 3, random.normal(size=(12, 5))
    a, b = x - x.mean(0), y - y.mean(0)
    wanted = np.linalg.norm(b.T @ a) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert cka(*(centred_gram(torch.tensor(one)) for one in (x, y))) == pytest.approx(wanted)


def test_a_network_is_like_itself(model: str, pictures: Path, home: Home) -> None:
    pair = (model, reference.load(model, home))
    answer = finish(compare(pair, pair, f"folder:{pictures}", home, 12))
    table = np.array(answer["cka"])
    assert np.allclose(np.diag(table), 1) and np.allclose(table, table.T)
    assert answer["rows"] == answer["columns"] and 0 <= table.min() <= table.max() <= 1 + 1e-9
