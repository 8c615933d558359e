"""Weights without a description are known by their tensors."""

import pytest

from resnet_demo.errors import UserError
from resnet_demo.models.weights import recognised, shapes_of


@pytest.mark.parametrize(
    "arch", ["resnet10d", "resnet10s", "resnet18", "resnet18d", "resnet18w", "plain18w", "resnet50"]
)
def test_a_network_is_known_by_its_tensors(arch: str) -> None:
    """Also where another one has the same names: 18d and 18w, 10d and 10s differ in width alone."""
    assert recognised(shapes_of(arch, 3), "net").arch == arch


def test_of_twins_with_the_same_tensors_the_residual_one_is_meant() -> None:
    assert recognised(shapes_of("plain20", 3), "net").arch == "resnet20"


def test_what_lacks_a_tensor_is_none_of_ours() -> None:
    shapes = shapes_of("resnet18", 3)
    del shapes["layer1.0.conv1.weight"]
    with pytest.raises(UserError, match="it lacks layer1.0.conv1.weight"):
        recognised(shapes, "net")
