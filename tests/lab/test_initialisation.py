from statistics import median

import pytest
import torch
import torch.nn.functional as F

from resnet_demo.config import Home
from resnet_demo.lab import initialisation
from resnet_demo.models import build
from resnet_demo.probe.initialisation import gradient_ratio
from resnet_demo.progress import finish


def test_plain_networks_explode_toward_the_picture_and_residual_ones_do_not(home: Home) -> None:
    rows = finish(initialisation.run("shapes", home))["rows"]
    found = {
        (row["residual"], row["depth"]): median(
            other["ratio"] for other in rows if other["arch"] == row["arch"]
        )
        for row in rows
    }
    assert len(rows) == 18
    assert found[False, 20] < found[False, 56] / 10 < found[False, 110] / 1000
    assert all(found[True, depth] < 30 for depth in (20, 56, 110))


def test_the_ratio_against_backward() -> None:
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    ratio, blocks = gradient_ratio("plain20", 1, images, labels)
    torch.manual_seed(1)
    model = build("plain20", 10).train()
    F.cross_entropy(model(images), labels).backward()
    first, last = model.layer1[0].conv1.weight, model.layer3[2].conv2.weight
    relative = [float(w.grad.norm() / w.detach().norm()) for w in (first, last)]
    assert ratio == pytest.approx(relative[0] / relative[1], rel=1e-4)
    assert blocks["layer1.0"] == pytest.approx(relative[0], rel=1e-4)
