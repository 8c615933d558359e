"""What the Inspect panel asks for: numbers as the commands give them, and pictures of them."""

import hashlib
import io
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from resnet_demo.cache import kept
from resnet_demo.config import Home
from resnet_demo.data.sources import is_here
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress, finish
from resnet_demo.refs import run_of
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui import zero_gpu
from resnet_demo.ui.access import check_model, measurable
from resnet_demo.ui.jobs import Jobs
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import Classifier, data_url, octets

if TYPE_CHECKING:
    from resnet_demo.models.network import Network
    from resnet_demo.probe.inspection import Inspection

KEPT_BYTES = 256 * 2**20  # of inspections
KEPT_PATHS = 1000
DEEP = 16  # blocks from which a GPU's start pays: a guess
AT_ONCE = 2  # visitors whose picture is looked into; others wait


class LookKey(NamedTuple):
    """What was looked at."""

    picture: str
    model: str
    version: int
    target: int | str | None  # class; None: the one predicted


class Inspector:
    """Imports torch at the first question, after the page is served."""

    def __init__(self, home: Home, classifier: Classifier) -> None:
        self.home, self.classifier = home, classifier
        self.paths: dict[str, Path] = {}  # key of a picture -> where its upload lies
        self.looks = kept(self.look_again, size_of, KEPT_BYTES)
        self.deeps = kept(self.deeper_anew, lambda rows: 1000 * len(rows), KEPT_BYTES // 16)
        self.at_once = threading.BoundedSemaphore(AT_ONCE)
        self.lock = threading.Lock()
        self.jobs = Jobs()

    # --- pictures and networks -----------------------------------------------------------------

    def put(self, path: Path) -> str:
        """A key for a picture; raises UserError when it is refused."""
        key = hashlib.sha256(f"{path}".encode()).hexdigest()[:16]
        with self.lock:
            self.paths.pop(key, None)
            while len(self.paths) >= KEPT_PATHS:
                del self.paths[next(iter(self.paths))]
            self.paths[key] = path
        self.pixels(key)
        return key

    def pixels(self, key: str) -> np.ndarray:
        path = self.paths.get(key)
        if path is None:
            raise UserError("There is no picture. Drop one, or choose an example.")
        return self.classifier.pixels(path)

    def network(self, reference: str) -> "Network":
        return self.classifier.predictors.network(check_model(reference))

    def look_again(self, key: LookKey) -> "Inspection":
        from resnet_demo.probe.inspection import inspect_forward

        with self.at_once:
            predict = self.classifier.predictors.get(key.model).logits
            pixels = self.pixels(key.picture)
            return inspect_forward(self.network(key.model), pixels, key.target, predict)

    def deeper_anew(self, key: LookKey) -> list[dict[str, float | None]]:
        from resnet_demo.probe.inspection import inspect_backward

        inspection, deleted = self.looks(key), None
        if zero_gpu.is_here() and len(inspection.maps) >= DEEP:
            inputs = replace(inspection, maps={})  # all that it needs, and small
            with suppress(zero_gpu.NoGpu):
                deleted = finish(zero_gpu.answered(lent_deletion(key.model, inputs, self.home)))
        with self.at_once:
            return inspect_backward(self.network(key.model), inspection, deleted)

    def looked(self, request: InspectRequest) -> "Inspection":
        return self.looks(self.key(request))

    def key(self, request: InspectRequest) -> LookKey:
        """Of what was looked at: picture, network with its version, class."""
        from resnet_demo.models.reference import version

        model = check_model(request.model)
        new = version(model, self.home)
        if (request.version or str(new)) != str(new):
            raise UserError(f"{model} has new weights since. Look again.")
        return LookKey(request.picture, model, new, request.chosen_class)

    # --- answers -------------------------------------------------------------------------------

    def look(self, request: InspectRequest) -> Json:
        """The record of `inspect` as far as one walk can tell, and its pictures."""
        from resnet_demo.probe.cam import overlay
        from resnet_demo.probe.feature_maps import grey, sheet

        key = self.key(request)
        model, inspection, network = key.model, self.looked(request), self.network(key.model)
        strips, heat = {}, {}
        for row in inspection.record["blocks"]:
            name = row["name"]
            tiles = grey(inspection.maps[name][row["strongest"]], request.shared)
            strips[name] = data_url(sheet(tiles, len(tiles)))
            heat[name] = data_url(overlay(inspection.seen, inspection.cams[name]), "JPEG")
        return {
            "record": {"model": model, **inspection.record},
            "version": str(key.version),  # too large for JavaScript's numbers
            "arch": network.arch,
            "classes": list(network.classes),
            "params": sum(p.numel() for p in network.model.parameters()),
            "px": network.px,
            "epochs": self.epochs(model),
            "data": self.data_of(model),
            "seen": data_url(inspection.seen),
            "strips": strips,
            "cams": heat,
        }

    def deeper(self, request: InspectRequest) -> Json:
        """What takes a walk for each block: receptive field and deletion."""
        return {"blocks": self.deeps(self.key(request))}

    def block(self, request: InspectRequest) -> Json:
        """All channels of a block, and of the stem the filters."""
        from resnet_demo.probe.anatomy import anatomy
        from resnet_demo.probe.feature_maps import columns_for, filters, grey, sheet

        maps = self.maps_of(request)
        columns = columns_for(len(maps))
        answer = {
            "sheet": data_url(sheet(grey(maps, request.shared), columns)),
            "columns": columns,
            "means": maps.mean((1, 2)).tolist(),
            "largest": maps.max((1, 2)).tolist(),
        }
        if request.block == "stem":
            first = filters(anatomy(self.network(request.model).model).first)
            answer["filters"] = data_url(sheet(first, columns_for(len(first))))
        return answer

    def channel(self, request: InspectRequest) -> Json:
        """One channel large over the picture."""
        from resnet_demo.probe.cam import overlay

        maps, index = self.maps_of(request), request.channel
        if not 0 <= index < len(maps):
            raise UserError(f"{request.block} has the channels 0 to {len(maps) - 1}.")
        positive = np.clip(maps[index], 0, None)
        over = overlay(self.looked(request).seen, positive / max(float(positive.max()), 1e-12))
        return {"over": data_url(over)}

    def maps_of(self, request: InspectRequest) -> np.ndarray:
        maps, name = self.looked(request).maps, request.block
        if name not in maps:
            raise UserError(f"There is no block '{name[:40]}' in this network.")
        return maps[name]

    def cut(self, request: InspectRequest) -> Json:
        """The prediction with blocks switched off and shortcuts unplugged."""
        import torch

        from resnet_demo.probe.anatomy import anatomy, check_cuts, cut
        from resnet_demo.probe.inspection import prediction

        network, inspection = self.network(request.model), self.looked(request)
        view = anatomy(network.model)
        off, unplugged = tuple(request.off), tuple(request.unplugged)
        check_cuts(view, off, unplugged)
        with torch.no_grad():
            x = view.stem(network.normalise(inspection.seen[None]))
            logits = cut(view, x, set(off), set(unplugged))[0]
        return prediction(network, logits, inspection.record["target"])

    def files(self, request: InspectRequest) -> Json:
        """Lossless: the block's maps as npz, or as one PNG."""
        from resnet_demo.probe.feature_maps import columns_for, grey, sheet

        maps, name = self.maps_of(request), f"{request.block}-maps"
        if request.kind == "png":
            tiles = grey(maps, request.shared)
            return {"name": f"{name}.png", "url": data_url(sheet(tiles, columns_for(len(tiles))))}
        data = io.BytesIO()
        np.savez_compressed(data, allow_pickle=False, **{request.block: maps})
        return {"name": f"{name}.npz", "url": octets(data.getvalue())}

    # --- what else a panel needs to know -------------------------------------------------------

    def epochs(self, model: str) -> list[int]:
        """Of which a run keeps weights to look back; none for other networks."""
        run = run_of(model)
        if not run or run not in control.run_names(self.home):
            return []
        kept = self.home.run(run).weights.glob("epoch-[0-9][0-9][0-9].safetensors")
        return sorted(int(path.stem.removeprefix("epoch-")) for path in kept)

    def data_of(self, model: str) -> str:
        """Pictures to measure on: a run's own, Imagenette for others where it is on this machine,
        else shapes."""
        run = run_of(model)
        if not run or run not in control.run_names(self.home):
            return "imagenette" if is_here("imagenette", self.home) else "shapes"
        try:
            with Store(control.run_folder(self.home, run)) as store:
                return measurable(store.config.data, self.home)
        except UserError:
            return "shapes"


def size_of(inspection: "Inspection") -> int:
    return sum(maps.nbytes for maps in inspection.maps.values())


# --- with a GPU that is lent -------------------------------------------------------------------


def gpu_seconds(model: str, inspection: "Inspection", home: Home) -> int:
    """Deeper, longer."""
    return zero_gpu.seconds_for(len(inspection.cams) / DEEP)


@zero_gpu.lend(gpu_seconds)
def lent_deletion(model: str, inspection: "Inspection", home: Home) -> Iterator[zero_gpu.Message]:
    yield from zero_gpu.told(partial(deletion, model, inspection, home))


def deletion(
    model: str, inspection: "Inspection", home: Home
) -> Generator[Progress, None, list[dict[str, float | None]]]:
    """Passes forward alone: gradients need threads that a fork has not."""
    from resnet_demo.probe.inspection import deletion_of

    yield "Blurring where each block looks", 0, len(inspection.cams)
    return deletion_of(Classifier(home).predictors.network(model), inspection)
