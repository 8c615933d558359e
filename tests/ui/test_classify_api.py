"""Classify for programs, and what the page's own process never does."""

import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from resnet_demo.classify.table import csv_text
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.ui.access import check_model
from resnet_demo.ui.classify.tab import classifying_all
from resnet_demo.ui.classify.takeaway import exported
from resnet_demo.ui.upload import Upload
from tests.classify.test_predictor import saved
from tests.conftest import draw_folder


def test_pictures_get_names_and_refusals_by_api(shared, pictures: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(shared.url, verbose=False)
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    good = next((pictures / "val" / "red").glob("*.png"))
    (image,) = client.predict(handle_file(good), model, 2, api_name="/classify")["images"]
    assert image["name"] == good.name and len(image["top"]) == 2
    bad = tmp_path / "bad.jpg"
    bad.write_text("no")
    files = [handle_file(bad), handle_file(good)]
    refused, told = client.predict(files, model, 1, api_name="/classify_batch")["images"]
    assert "not a picture" in refused["error"] and str(tmp_path) not in refused["error"]
    assert told["top"]
    with pytest.raises(AppError, match="There is no model 'bundel'"):
        client.predict(handle_file(good), "bundel", 1, api_name="/classify")


def test_a_network_is_measured_by_api(shared, tmp_path: Path) -> None:
    from gradio_client import Client

    client = Client(shared.url, verbose=False)
    root = draw_folder(tmp_path / "data", 2, 2)
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    answer = client.predict(model, f"folder:{root}", "val", "", api_name="/evaluate")
    assert answer["n"] == 6 and len(answer["top1_ci95"]) == 2


def test_a_network_is_taken_away_by_api(shared, tmp_path: Path) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(shared.url, verbose=False, download_files=str(tmp_path / "got"))
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    path, told = client.predict(model, "onnx", "", api_name="/export")
    assert Path(path).stat().st_size == told["bytes"] and told["max_difference"] < 1e-4
    assert told["name"] == "net.safetensors.onnx" and "onnxruntime" in told["snippet"]
    with pytest.raises(AppError, match="timm has no resnet8"):
        client.predict(model, "timm", "", api_name="/export")


def test_visitors_take_away_only_what_ships_with_the_program(home: Home, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    home.make()
    for model in ("run:0001", "timm:resnet18", "hub:a/b", "file:/etc/passwd"):
        with pytest.raises(UserError, match="owner"):
            exported(home, model, "onnx", None, "")
    path, told = exported(home, "bundled:resnet56", "safetensors", None, "")
    assert path.stat().st_size == told["bytes"] and told["max_difference"] == 0
    assert path.name == "bundled-resnet56.safetensors"


def test_a_network_is_inspected_and_cut_by_api(shared, pictures: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(shared.url, verbose=False)
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    good = handle_file(next((pictures / "val" / "red").glob("*.png")))
    answer = client.predict(good, model, "red", api_name="/inspect")
    assert answer["class"] == "red" and answer["blocks"][0]["name"] == "stem"
    assert answer["blocks"][1]["receptive_field_px"] > 0
    cut = client.predict(model, f"folder:{pictures}", 12, [], [], api_name="/lesion")
    assert [row["name"] for row in cut["blocks"]] == [r["name"] for r in answer["blocks"][1:]]
    with pytest.raises(AppError, match="no class 'purple'"):
        client.predict(good, model, "purple", api_name="/inspect")


def test_an_upload_is_handed_over_unopened(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("opened in the page's process"))
    path = tmp_path / "x.png"
    path.write_bytes(b"anything")
    with gr.Blocks():
        component = Upload()
    assert component.preprocess(component.data_model(path=str(path))) == path
    assert component.preprocess(None) is None
    assert type(component)(**component.constructor_args).preprocess(None) is None


def test_visitors_choose_among_listed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_model("file:anything") == "file:anything"
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    for allowed in ("bundled", "bundled:plain56", "run:0001", "timm:resnet50"):
        assert check_model(allowed) == allowed
    for refused in ("file:/etc/passwd", "hub:a/b", "timm:resnet152d", "scratch:resnet18", ""):
        with pytest.raises(UserError, match="On a public page"):
            check_model(refused)


def test_a_spreadsheet_runs_nothing_of_ours() -> None:
    row = {"path": "=cmd()", "top": [{"class": "+x", "index": 0, "probability": 1.0}], "ms": 1}
    line = csv_text([row]).splitlines()[1]
    assert line.startswith("'=cmd(),'+x,1.0")


def test_whoever_stops_keeps_what_was_classified(
    home: Home, pictures: Path, tmp_path: Path
) -> None:
    from resnet_demo.ui.serving import Classifier

    stopping: dict[str, threading.Event] = {"me": threading.Event(), "other": threading.Event()}
    classify_all = classifying_all(Classifier(home), stopping)
    good = [str(path) for path in sorted((pictures / "val" / "red").glob("*.png"))]
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    press = lambda *_, **__: stopping["me"].set()  # noqa: E731 - at the first picture
    table, download = classify_all(good, model, SimpleNamespace(session_hash="me"), press)
    assert len(good) > 1 and "classified: 1" in table and list(stopping) == ["other"]
    assert len(Path(download.value["path"]).read_text().splitlines()) == 2
    with pytest.raises(UserError, match="There are no pictures"):
        classify_all(None, model, SimpleNamespace(session_hash="me"), press)
    assert list(stopping) == ["other"]


def test_more_than_the_most_pictures_are_told_one_by_one(
    home: Home, pictures: Path, tmp_path: Path
) -> None:
    from resnet_demo.ui.serving import MOST_PICTURES, Classifier

    good = next((pictures / "val" / "red").glob("*.png"))
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    rows = list(Classifier(home).answers([good] * (MOST_PICTURES + 2), model, 1))
    assert all("top" in row for row in rows[:MOST_PICTURES]) and len(rows) == MOST_PICTURES + 2
    assert all(f"At most {MOST_PICTURES}" in row["error"] for row in rows[MOST_PICTURES:])


def test_a_home_without_runs_offers_what_ships(home: Home) -> None:
    from resnet_demo.ui.serving import Classifier

    assert Classifier(home).models()[0] == "bundled"
