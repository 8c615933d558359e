"""The dimmers at their ends are the whole network and the cut one, counted."""

from pathlib import Path

import pytest

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.dimming import dimming
from resnet_demo.evaluate.lesion import lesion
from resnet_demo.models import reference
from resnet_demo.progress import finish

MODEL = "bundled:resnet56"


def test_at_their_ends_they_are_the_network_and_the_cut_one(pictures: Path, home: Home) -> None:
    network, data = reference.load(MODEL, home), f"folder:{pictures}"
    whole, off = (
        finish(dimming(network, MODEL, data, home, 12, a, 1.0, "layer2.4")) for a in (1.0, 0.0)
    )
    (row,) = finish(lesion(network, MODEL, data, home, 12, ("layer2.4",)))["blocks"]
    assert whole["kept"] == 100 and whole["top1"] == whole["baseline_top1"]
    assert (off["top1"], off["kept"]) == (row["top1"], row["kept"])


def test_strength_counts_in_all_blocks(home: Home) -> None:
    """b compounds: half of it in 27 blocks leaves nothing of the picture."""
    network = reference.load(MODEL, home)
    told = finish(dimming(network, MODEL, "shapes", home, 60, 1.0, 0.5))
    assert told["top1"] is None and told["kept"] < 60 and told["block"] == ""


def test_refusals(home: Home) -> None:
    plain, network = (reference.load(name, home) for name in ("bundled:plain56", MODEL))
    with pytest.raises(UserError, match="nothing to dim"):
        finish(dimming(plain, "bundled:plain56", "shapes", home, 10, 1.0, 1.0))
    with pytest.raises(UserError, match="There is no block 'layer9'"):
        finish(dimming(network, MODEL, "shapes", home, 10, 1.0, 1.0, "layer9"))
