"""An inspection as files: numbers, feature maps, heat maps, filters; nothing is lossy."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from resnet_demo.errors import writing
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy
from resnet_demo.probe.cam import overlay
from resnet_demo.probe.feature_maps import columns_for, filters, grey, sheet
from resnet_demo.probe.inspection import Inspection


def write_inspection(folder: Path, inspection: Inspection, network: Network, record: Json) -> None:
    """inspect.json, maps.npz (block name -> float32 (C, h, w)), and a PNG a block of its maps
    (each channel on its own scale) and of its Grad-CAM. Raises UserError."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "inspect.json").write_text(json.dumps(record))
        np.savez_compressed(folder / "maps.npz", allow_pickle=False, **inspection.maps)
        for name, picture in pictures(inspection, network).items():
            Image.fromarray(picture).save(folder / f"{name}.png")


def pictures(inspection: Inspection, network: Network) -> dict[str, np.ndarray]:
    first = filters(anatomy(network.model).first)
    made = {"seen": inspection.seen, "filters": sheet(first, columns_for(len(first)))}
    for name, maps in inspection.maps.items():
        made[f"{name}-maps"] = sheet(grey(maps, shared=False), columns_for(len(maps)))
        made[f"{name}-cam"] = overlay(inspection.seen, inspection.cams[name])
    return made
