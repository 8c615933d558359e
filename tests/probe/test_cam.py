import numpy as np
import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.models import reference
from resnet_demo.probe.anatomy import anatomy, walk
from resnet_demo.probe.cam import cams, grad_cam, overlay


@pytest.mark.parametrize("arch", ["resnet18", "plain20", "resnet50"])
def test_against_the_formula_for_pooling_and_one_linear_layer(arch: str, home: Home) -> None:
    """There the mean gradient of a logit is the class's row of weights (over the area)."""
    model = reference.load(f"scratch:{arch}", home).model
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


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_against_the_package_grad_cam(arch: str, home: Home) -> None:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = reference.load(f"scratch:{arch}", home).model
    images, target = torch.randn(1, 3, 96, 96), 7
    view = anatomy(model)
    steps = list(walk(view, images))
    mine = dict(
        zip(
            [s.name for s in steps],
            cams([s.out for s in steps], view.head(steps[-1].out)[0, target]),
        )
    )
    for name, block in model.blocks():
        with GradCAM(model=model, target_layers=[block]) as package:
            package(input_tensor=images, targets=[ClassifierOutputTarget(target)])
            maps, gradients = (
                package.activations_and_grads.activations[0],
                package.activations_and_grads.gradients[0],
            )
            theirs = package.get_cam_image(
                images,
                block,
                [ClassifierOutputTarget(target)],
                maps.numpy(),
                gradients.numpy(),
                False,
            )[0]
        theirs = np.maximum(theirs, 0)
        assert np.allclose(mine[name], theirs / max(theirs.max(), 1e-12), atol=1e-4), name
