"""The paper's networks and their plain twins; where a ready network comes from."""

from resnet_demo.models.costs import describe
from resnet_demo.models.resnet import ResNet, build

__all__ = ["ResNet", "build", "describe"]
