import numpy as np
import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.models import sources
from resnet_demo.probe.cam import grad_cam, overlay


@pytest.mark.parametrize("arch", ["resnet18", "plain20", "resnet50"])
def test_against_the_formula_for_pooling_and_one_linear_layer(arch: str, home: Home) -> None:
    """There the mean gradient of a logit is the class's row of weights (over the area)."""
    model = sources.load(f"scratch:{arch}", home).model
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = [x for name, x in model.walk(images) if name != "fc"][-1][0]
        target = int(model(images).argmax())
        expected = torch.einsum("c,chw->hw", model.fc.weight[target], maps).relu()
    assert expected.max() > 0
    cam = grad_cam(model, images, target)
    assert np.allclose(cam, (expected / expected.max()).numpy(), atol=1e-5)


def test_timm_networks_too_and_nothing_is_left_behind() -> None:
    import timm

    model = timm.create_model("resnet26d", num_classes=5).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cam = grad_cam(model, torch.randn(1, 3, 96, 96), 3)
    assert cam.shape == (3, 3) and 0 <= cam.min() and cam.max() <= 1
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and not model.training


def test_the_heat_map_keeps_the_picture_size() -> None:
    seen = np.full((64, 64, 3), 100, np.uint8)
    shown = overlay(seen, np.float32([[0, 1], [0, 0]]))
    assert shown.shape == seen.shape
    assert shown[5, 60, 0] > shown[60, 5, 0]  # red where it looks, blue elsewhere
