"""Where pictures come from, and how they reach the network."""

from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.sources import open_data

__all__ = ["Pictures", "Split", "open_data"]
