"""What the Lab panel answers, also to strangers."""

import json
import shutil
from functools import partial

import pytest

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.lab.shipped import SHIPPED
from resnet_demo.lab.store import Lab
from resnet_demo.runs import measurements
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.store import Store
from resnet_demo.ui.inspect.long_work import before_training
from resnet_demo.ui.lab.panel import LabPanel
from resnet_demo.ui.requests import LabRequest, parsed
from tests.conftest import wait_until
from tests.lab.conftest import lab, many, raced

__all__ = ["lab", "many", "raced"]  # fixtures


def panel_of(home: Home) -> LabPanel:
    return LabPanel(home, partial(before_training, home))


def test_without_a_lab_the_one_that_ships_is_shown(home: Home) -> None:
    panel = panel_of(home)
    answer = panel.poll(LabRequest(), None)
    assert (answer["lab"], answer["labs"], answer["state"]) == (SHIPPED, [], "finished")
    assert [row["depth"] for row in answer["table"]] == [20, 56] and not answer["unmeasured"]
    assert len(panel.drawings(LabRequest(lab=SHIPPED, part="race"))["drawings"]) == 2
    assert panel.files(LabRequest(lab=SHIPPED, kind="html"))["name"] == "lab-shipped.html"


def test_the_lab_that_ships_is_looked_at_and_not_steered(home: Home) -> None:
    panel = panel_of(home)
    with pytest.raises(UserError, match="There is no lab"):
        panel.steer(LabRequest(lab=SHIPPED, command="delete"), None)
    with pytest.raises(UserError, match="came without its weights"):
        panel.landscape(LabRequest(lab=SHIPPED))


def test_without_any_lab_there_is_nothing_to_show(home: Home, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("resnet_demo.lab.shipped.CHECKPOINTS", (tmp_path,))
    answer = panel_of(home).poll(LabRequest(), None)
    assert answer["lab"] is None and answer["labs"] == []


def test_a_raced_lab_is_told_whole_and_then_only_what_is_new(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    panel = panel_of(home)
    answer = panel.poll(LabRequest(lab=lab.lab), None)
    assert answer["state"] == "finished" and len(answer["table"]) == 2
    have = {key: line["x"][-1] for key, line in answer["lines"].items()}
    assert panel.poll(LabRequest(lab=lab.lab, have=have), None)["lines"] == {}
    assert json.loads(json.dumps(answer)) == answer
    assert str(home.path) not in json.dumps(answer)


@pytest.mark.parametrize("lab", ["", "9999", "../0001"])
def test_an_unknown_lab_is_answered_with_the_newest(lab: str, raced) -> None:
    assert panel_of(raced[0]).poll(LabRequest(lab=lab), None)["lab"] == "0001"


def test_a_damaged_lab_is_listed_and_hides_no_other(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    damaged = home.labs / "9999" / "lab.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    try:
        answer = panel_of(home).poll(LabRequest(lab="9999"), None)
    finally:
        shutil.rmtree(damaged.parent)
    assert (answer["lab"], [row["lab"] for row in answer["labs"]]) == (lab.lab, ["9999", lab.lab])
    assert "The file of lab 9999 is damaged" in answer["labs"][0]["damaged"]


def test_a_poll_opens_the_file_of_each_run_once(raced, opened: list[str]) -> None:
    home, lab = raced
    assert panel_of(home).poll(LabRequest(lab=lab.lab), None)["rows"]
    assert sorted(opened) == sorted(lab.runs)


def test_drawings_and_files_are_made_for_known_names_only(raced: tuple[Home, Lab]) -> None:
    panel = panel_of(raced[0])
    assert len(panel.drawings(LabRequest(lab="0001", part="race"))["drawings"]) == 2
    assert len(panel.drawings(LabRequest(lab="0001", part="why", dark=True))["drawings"]) >= 4
    assert panel.files(LabRequest(lab="0001", kind="html"))["text"].startswith("<!doctype html>")
    assert json.loads(panel.files(LabRequest(lab="0001", kind="json"))["text"])["lab"] == "0001"
    for wrong in ({"part": "x"}, {"part": "race", "lab": "../x"}):
        with pytest.raises(UserError):
            panel.drawings(parsed(LabRequest, {"lab": "0001", **wrong}))
    with pytest.raises(UserError):
        panel.files(LabRequest(lab="0001", kind="exe"))


def test_visitors_watch_and_guess_but_do_not_steer(raced, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    panel = panel_of(raced[0])
    for command in labs.STEERING:
        with pytest.raises(UserError, match="Visitors watch"):
            panel.steer(LabRequest(lab="0001", command=command), None)
    with pytest.raises(UserError, match="Visitors watch"):
        panel.work(LabRequest(lab="0001", kind="landscape"), None)
    guess = {"plain": "8 layers", "residual": "8 layers", "depth": 44, "place": "between the two"}
    assert len(panel.guess(LabRequest(lab="0001", guess=guess))["answers"]) == 3
    assert labs.lab_names(raced[0]) == ["0001"]


def test_strangers_see_no_path(home: Home, lab: Lab, monkeypatch) -> None:
    with Store(home.run(lab.runs[0])) as store:
        store.set(state="failed", message="There is no folder /srv/private/pictures.")
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    assert "/srv/private" not in json.dumps(panel_of(home).poll(LabRequest(), None))


def test_a_slice_that_is_stopped_keeps_its_rows_and_frees_the_machine(raced) -> None:
    home, lab = raced
    panel = panel_of(home)
    job = panel.work(LabRequest(lab=lab.lab, kind="landscape"), None)["job"]
    runs = labs.deepest_pair(home, lab)

    def rows() -> list:
        known = measurements.read(home, runs[0], measurements.LANDSCAPE)
        return known["losses"] if known else []

    wait_until(lambda: panel.progress(LabRequest(job=job)).get("done", 0) and rows())
    panel.stop(LabRequest(job=job))
    wait_until(lambda: "error" in panel.progress(LabRequest(job=job)))
    wait_until(lambda: not is_held(home.path / "train.lock"))
    assert rows()


def test_programs_start_a_lab_and_read_it(serve, many: str) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(serve().url, verbose=False)
    started = client.predict("", "quick", many, [8], 1, "", api_name="/lab")
    assert started["lab"] == "0001" and len(started["rows"]) == 2
    read = lambda: client.predict("0001", "", "", [], 0, "", api_name="/lab")  # noqa: E731
    told = wait_until(lambda: (found := read())["state"] == "finished" and found)
    assert {row["arch"] for row in told["rows"]} == {"plain8", "resnet8"} and told["configs"]
    with pytest.raises(AppError, match="cannot be built"):
        client.predict("", "quick", many, [35], 1, "", api_name="/lab")
    with pytest.raises(AppError, match="There is no lab"):
        client.predict("0002", "", "", [], 0, "", api_name="/lab")


def test_visitors_start_no_lab(serve, many: str) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(serve(RESNET_DEMO_PUBLIC="1").url, verbose=False)
    with pytest.raises(AppError, match="Visitors watch"):
        client.predict("", "quick", many, [8], 1, "", api_name="/lab")
