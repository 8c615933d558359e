"""The pictures that a channel answers most, against looking at each."""

from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.data.folder import folder
from resnet_demo.errors import UserError
from resnet_demo.evaluate import top_pictures as module
from resnet_demo.evaluate.top_pictures import top_pictures
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy, walk
from resnet_demo.progress import finish


@pytest.fixture
def network(home: Home) -> Network:
    return reference.load("scratch:resnet8", home)


def test_they_are_those_with_the_largest_answers(network, pictures: Path, home: Home) -> None:
    split = folder(pictures).val
    seen = np.stack([network.crop(split.read(index)) for index in range(len(split))])
    with torch.no_grad():
        steps = walk(anatomy(network.model), network.normalise(seen))
        out = {step.name: step.out for step in steps}["layer2.0"][:, 5]  # (12, 16, 16)
    found = finish(top_pictures(network, f"folder:{pictures}", home, 12, "layer2.0", 5))
    order = out.flatten(1).amax(1).argsort(descending=True)[: module.TOP]
    largest = out.flatten(1).amax(1)[order].tolist()
    assert [row["value"] for row in found["rows"]] == pytest.approx(largest, rel=1e-4)
    for row, index in zip(found["rows"], order.tolist()):
        assert np.array_equal(row["seen"], seen[index])
        y, x = divmod(int(out[index].argmax()), 16)
        assert (row["x"], row["y"]) == ((x + 0.5) / 16, (y + 0.5) / 16)
        assert row["class"] == ("blue", "green", "red")[split.labels[index]]


def test_other_channels_are_looked_up(network, pictures: Path, home: Home, monkeypatch) -> None:
    data = f"folder:{pictures}"
    finish(top_pictures(network, data, home, 12, "stem", 0))
    monkeypatch.setattr(module, "searched", None)
    assert finish(top_pictures(network, data, home, 12, "layer3.0", 63))["channel"] == 63
    for block, channel, says in (
        ("layer3.0", 64, "has the channels 0 to 63. Got 64."),
        ("layer9", 0, "There is no block 'layer9'"),
    ):
        with pytest.raises(UserError, match=says):
            finish(top_pictures(network, data, home, 12, block, channel))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9])
def test_what_was_kept_and_is_damaged_is_made_anew(
    network, pictures: Path, home: Home, share: float
) -> None:
    ask = lambda: finish(top_pictures(network, f"folder:{pictures}", home, 12, "stem", 0))  # noqa: E731
    first = [row["value"] for row in ask()["rows"]]
    (kept,) = home.caches.glob("top-*.npz")
    data = bytearray(kept.read_bytes())
    place = int(share * len(data))
    data[place : place + 40] = bytes(40)
    kept.write_bytes(data)
    assert [row["value"] for row in ask()["rows"]] == first
