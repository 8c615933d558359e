from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.jobs import WAITING, Jobs
from resnet_demo.ui.serving import Classifier
from tests.conftest import wait_until

MODEL = "bundled:resnet56"


@pytest.fixture
def inspector(home: Home) -> Inspector:
    return Inspector(home, Classifier(home))


@pytest.fixture
def asked(inspector: Inspector, tmp_path: Path) -> dict:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)).save(path)
    return {"picture": inspector.put(path), "model": MODEL}


def test_answers_are_those_of_the_command(inspector: Inspector, asked: dict) -> None:
    from resnet_demo.models import reference
    from resnet_demo.probe.inspection import inspect

    network = reference.load(MODEL, inspector.home)
    record = inspect(network, inspector.pixels.get(asked["picture"])).record
    told = inspector.look(asked)["record"]
    for row, more, wanted in zip(
        told["blocks"], inspector.deeper(asked)["blocks"], record["blocks"]
    ):
        assert set(row | more) == set(wanted)
        assert row["grad_norm"] == pytest.approx(wanted["grad_norm"], rel=1e-3)
        assert more["receptive_field_px"] == pytest.approx(wanted["receptive_field_px"], rel=1e-2)


def test_a_cut_of_nothing_changes_nothing(inspector: Inspector, asked: dict) -> None:
    whole = inspector.look(asked)["record"]["top"]
    got = inspector.cut({**asked, "off": []})["top"]
    assert [one["class"] for one in got] == [one["class"] for one in whole]
    assert got[0]["probability"] == pytest.approx(whole[0]["probability"], rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"picture": "/etc/passwd"}, "no picture"),
        ({"model": "scratch:resnet7"}, "resnet7"),
        ({"target": "dragon"}, "no class"),
        ({"model": 3}, "no model"),
        ({"off": ["layer9.9"]}, "no block"),
        ({"off": "layer1.1"}, "list of block names"),
        ({"target": "9" * 5000}, "no class"),
        ({"target": 10}, "no class"),
        ({"picture": []}, "no picture"),
        ({"version": "1"}, "new weights"),
    ],
)
def test_wrong_questions(inspector: Inspector, asked: dict, changes: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        inspector.cut({**asked, **changes})


def test_wrong_blocks_and_channels(inspector: Inspector, asked: dict) -> None:
    with pytest.raises(UserError, match="no block"):
        inspector.block({**asked, "block": "fc"})
    for channel in (99, -1, "0", None):
        with pytest.raises(UserError, match="channels 0 to 15"):
            inspector.channel({**asked, "block": "stem", "channel": channel})


def test_a_stranger_is_refused_folders_and_other_networks(
    inspector: Inspector, asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    with pytest.raises(UserError, match="listed sources"):
        inspector.lesion({"model": MODEL, "data": "folder:/"})
    with pytest.raises(UserError, match="public page"):
        inspector.look({**asked, "model": "file:/etc/passwd"})
    with pytest.raises(UserError, match="not on this machine"):
        inspector.initialisation({"data": "cifar10"})
    with pytest.raises(UserError, match="at most 500"):
        inspector.lesion({"model": MODEL, "data": "shapes", "n": 501})


def test_long_work_is_watched_stopped_and_limited() -> None:
    jobs = Jobs()

    def endless():
        while True:
            yield "Counting", 1, 2

    names = [jobs.start(endless, str(number)) for number in range(WAITING)]
    with pytest.raises(UserError, match="waiting here"):
        jobs.start(endless)
    wait_until(lambda: jobs.progress(names[0]).get("done") or jobs.progress(names[-1]).get("done"))
    for name in names:
        jobs.stop(name)
    for name in names:
        wait_until(lambda name=name: jobs.progress(name) == {"error": "Stopped."})

    def short():
        yield "One", 0, 1
        return {"n": 1}

    name = jobs.start(short)
    wait_until(lambda: jobs.progress(name) == {"answer": {"n": 1}})
    assert "not known" in jobs.progress("nothing")["error"]
