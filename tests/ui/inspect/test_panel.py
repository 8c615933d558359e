from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_demo import device
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.ui.inspect.long_work import initialisation, lesion
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.jobs import WAITING, Jobs
from resnet_demo.ui.requests import InspectRequest, parsed
from resnet_demo.ui.serving import Classifier
from tests.conftest import wait_until

MODEL = "bundled:resnet56"


@pytest.fixture
def inspector(home: Home) -> Inspector:
    return Inspector(home, Classifier(home))


@pytest.fixture
def asked(inspector: Inspector, tmp_path: Path) -> InspectRequest:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)).save(path)
    return InspectRequest(picture=inspector.put(path), model=MODEL)


def test_answers_are_those_of_the_command(inspector: Inspector, asked: InspectRequest) -> None:
    from resnet_demo.models import reference
    from resnet_demo.probe.inspection import inspect

    network = reference.load(MODEL, inspector.home)
    record = inspect(network, inspector.pixels(asked.picture)).record
    told = inspector.look(asked)["record"]
    for row, more, wanted in zip(
        told["blocks"], inspector.deeper(asked)["blocks"], record["blocks"]
    ):
        assert set(row | more) == set(wanted)
        assert row["grad_norm"] == pytest.approx(wanted["grad_norm"], rel=1e-3)
        assert more["receptive_field_px"] == pytest.approx(wanted["receptive_field_px"], rel=1e-2)


def test_a_cut_of_nothing_changes_nothing(inspector: Inspector, asked: InspectRequest) -> None:
    whole = inspector.look(asked)["record"]["top"]
    got = inspector.cut(asked)["top"]
    assert [one["class"] for one in got] == [one["class"] for one in whole]
    # Classify's answer is in bfloat16 where the hardware has it; cuts are float32
    near = 0.05 if device.fast_bf16(torch.device("cpu")) else 1e-6
    assert got[0]["probability"] == pytest.approx(whole[0]["probability"], rel=near)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"picture": "/etc/passwd"}, "no picture"),
        ({"model": "scratch:resnet7"}, "resnet7"),
        ({"target": "dragon"}, "no class"),
        ({"model": 3}, "model is wrong"),
        ({"off": ["layer9.9"]}, "no block"),
        ({"off": "layer1.1"}, "off is wrong"),
        ({"target": "9" * 5000}, "target"),
        ({"target": 10}, "no class"),
        ({"picture": []}, "picture is wrong"),
        ({"version": "1"}, "new weights"),
    ],
)
def test_wrong_questions(
    inspector: Inspector, asked: InspectRequest, changes: dict, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        inspector.cut(parsed(InspectRequest, asked.model_dump() | changes))


@pytest.mark.parametrize("target", [0, 1, "1"])
def test_every_class_can_be_asked_about(
    inspector: Inspector, asked: InspectRequest, target: int | str
) -> None:
    told = inspector.look(asked)
    chosen = parsed(InspectRequest, asked.model_dump() | {"target": target})
    assert inspector.look(chosen)["record"]["class"] == told["classes"][int(target)]
    for most_probable in ("", None):
        same = parsed(InspectRequest, asked.model_dump() | {"target": most_probable})
        assert inspector.look(same)["record"] == told["record"]


def test_wrong_blocks_and_channels(inspector: Inspector, asked: InspectRequest) -> None:
    with pytest.raises(UserError, match="no block"):
        inspector.block(asked.model_copy(update={"block": "fc"}))
    for channel in (99, -1):
        with pytest.raises(UserError, match="channels 0 to 15"):
            inspector.channel(asked.model_copy(update={"block": "stem", "channel": channel}))


def test_a_stranger_is_refused_folders_and_other_networks(
    inspector: Inspector, asked: InspectRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    with pytest.raises(UserError, match="listed sources"):
        lesion(inspector, InspectRequest(model=MODEL, data="folder:/"))
    with pytest.raises(UserError, match="public page"):
        inspector.look(asked.model_copy(update={"model": "file:/etc/passwd"}))
    with pytest.raises(UserError, match="not on this machine"):
        initialisation(inspector, InspectRequest(data="cifar10"))
    with pytest.raises(UserError, match="at most 500"):
        lesion(inspector, InspectRequest(model=MODEL, data="shapes", n=501))


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
