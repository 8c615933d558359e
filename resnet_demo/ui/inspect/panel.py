"""What the Inspect panel asks for: numbers as the commands give them, and pictures of them."""

import base64
import hashlib
import io
import threading
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resnet_demo.cache import Cache
from resnet_demo.config import Home
from resnet_demo.data.download import is_here
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.refs import DataRef, ModelRef
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import check_model, check_shown, is_public
from resnet_demo.ui.jobs import Jobs
from resnet_demo.ui.requests import Asked, how_many, names, target_of, text
from resnet_demo.ui.serving import Classifier, data_url

if TYPE_CHECKING:
    from resnet_demo.models.network import Network
    from resnet_demo.probe.inspection import Inspection

KEPT_BYTES = 256 * 2**20  # of decoded pictures, and of inspections
KEPT_PATHS = 1000
AT_ONCE = 2  # visitors whose picture is looked into; others wait


class Inspector:
    """Imports torch at the first question, after the page is served."""

    def __init__(self, home: Home, classifier: Classifier) -> None:
        self.home, self.classifier = home, classifier
        self.paths: dict[str, Path] = {}  # key of a picture -> where its upload lies
        self.pixels = Cache(self.decode, lambda pixels: pixels.nbytes, KEPT_BYTES)
        self.looks = Cache(self.look_anew, size_of, KEPT_BYTES)
        self.deeps = Cache(self.deeper_anew, lambda rows: 1000 * len(rows), KEPT_BYTES // 16)
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
        self.pixels.get(key)
        return key

    def decode(self, key: str) -> np.ndarray:
        path = self.paths.get(key)
        if path is None:
            raise UserError("There is no picture. Drop one, or choose an example.")
        return self.classifier.decoders.decode(path)

    def network(self, reference: str) -> "Network":
        return self.classifier.predictors.network(check_model(reference))

    def look_anew(self, key: tuple) -> "Inspection":
        from resnet_demo.probe.inspection import look

        picture, model, _, target = key
        with self.at_once:
            predict = self.classifier.predictors.get(model).logits
            return look(self.network(model), self.pixels.get(picture), target, predict)

    def deeper_anew(self, key: tuple) -> list[dict[str, float | None]]:
        from resnet_demo.probe.inspection import deeper

        found = self.looks.get(key)
        with self.at_once:
            return deeper(self.network(key[1]), found)

    def looked(self, asked: Asked) -> "Inspection":
        return self.looks.get(self.key(asked))

    def key(self, asked: Asked) -> tuple:
        """Of what was looked at: picture, network with its version, class."""
        from resnet_demo.models.reference import version

        model = check_model(text(asked, "model"))
        new = version(model, self.home)
        if str(asked.get("version") or new) != str(new):
            raise UserError(f"{model} has new weights since. Look again.")
        return text(asked, "picture"), model, new, target_of(asked)

    # --- answers -------------------------------------------------------------------------------

    def look(self, asked: Asked) -> Asked:
        """The record of `inspect` as far as one walk can tell, and its pictures."""
        from resnet_demo.probe.cam import overlay
        from resnet_demo.probe.feature_maps import grey, sheet

        model, version = self.key(asked)[1:3]
        found, network = self.looked(asked), self.network(model)
        strips, heat = {}, {}
        for row in found.record["blocks"]:
            name = row["name"]
            tiles = grey(found.maps[name][row["strongest"]], bool(asked.get("shared")))
            strips[name] = data_url(sheet(tiles, len(tiles)))
            heat[name] = data_url(overlay(found.seen, found.cams[name]), "JPEG")
        return {
            "record": {"model": model, **found.record},
            "version": str(version),  # too large for JavaScript's numbers
            "arch": network.arch,
            "classes": list(network.classes),
            "params": sum(p.numel() for p in network.model.parameters()),
            "px": network.px,
            "epochs": self.epochs(model),
            "data": self.data_of(model),
            "seen": data_url(found.seen),
            "strips": strips,
            "cams": heat,
        }

    def deeper(self, asked: Asked) -> Asked:
        """What takes a walk for each block: receptive field and deletion."""
        return {"blocks": self.deeps.get(self.key(asked))}

    def block(self, asked: Asked) -> Asked:
        """All channels of a block, and of the stem the filters."""
        from resnet_demo.probe.anatomy import anatomy
        from resnet_demo.probe.feature_maps import columns_for, filters, grey, sheet

        maps = self.maps_of(asked)
        columns = columns_for(len(maps))
        answer = {
            "sheet": data_url(sheet(grey(maps, bool(asked.get("shared"))), columns)),
            "columns": columns,
            "means": maps.mean((1, 2)).tolist(),
            "largest": maps.max((1, 2)).tolist(),
        }
        if text(asked, "block") == "stem":
            first = filters(anatomy(self.network(text(asked, "model")).model).first)
            answer["filters"] = data_url(sheet(first, columns_for(len(first))))
        return answer

    def channel(self, asked: Asked) -> Asked:
        """One channel large over the picture."""
        from resnet_demo.probe.cam import overlay

        maps, index = self.maps_of(asked), asked.get("channel")
        if type(index) is not int or not 0 <= index < len(maps):
            raise UserError(f"{text(asked, 'block')} has the channels 0 to {len(maps) - 1}.")
        one = np.clip(maps[index], 0, None)
        over = overlay(self.looked(asked).seen, one / max(float(one.max()), 1e-12))
        return {"over": data_url(over)}

    def maps_of(self, asked: Asked) -> np.ndarray:
        maps, name = self.looked(asked).maps, text(asked, "block")
        if name not in maps:
            raise UserError(f"There is no block '{name[:40]}' in this network.")
        return maps[name]

    def cut(self, asked: Asked) -> Asked:
        """The prediction with blocks switched off and shortcuts unplugged."""
        import torch

        from resnet_demo.probe.anatomy import anatomy, check_cuts, cut
        from resnet_demo.probe.inspection import prediction

        network, found = self.network(text(asked, "model")), self.looked(asked)
        body = anatomy(network.model)
        off, unplugged = names(asked, "off"), names(asked, "unplugged")
        check_cuts(body, off, unplugged)
        with torch.no_grad():
            x = body.stem(network.normalise(found.seen[None]))
            logits = cut(body, x, set(off), set(unplugged))[0]
        return prediction(network, logits, found.record["target"])

    def files(self, asked: Asked) -> Asked:
        """Lossless: the block's maps as npz, or as one PNG."""
        from resnet_demo.probe.feature_maps import columns_for, grey, sheet

        maps, name = self.maps_of(asked), f"{text(asked, 'block')}-maps"
        if asked.get("kind") == "png":
            tiles = grey(maps, bool(asked.get("shared")))
            return {"name": f"{name}.png", "url": data_url(sheet(tiles, columns_for(len(tiles))))}
        data = io.BytesIO()
        np.savez_compressed(data, **{text(asked, "block"): maps})
        return {"name": f"{name}.npz", "url": octets(data.getvalue())}

    # --- long work -----------------------------------------------------------------------------

    def work(self, asked: Asked) -> Asked:
        """Start `lesion`, `compare`, `initialisation` or `gif`; ask `progress` for it."""
        kinds = {
            "lesion": self.lesion,
            "compare": self.compare,
            "initialisation": self.initialisation,
            "gif": self.gif,
        }
        kind = text(asked, "kind")
        require_one_of("measurement", kind, tuple(kinds))
        return {"job": self.jobs.start(partial(kinds[kind], asked), text(asked, "visitor"))}

    def lesion(self, asked: Asked) -> Generator:
        from resnet_demo.evaluate.lesion import lesion

        model, data = text(asked, "model"), self.measurable(asked.get("data"))
        off, unplugged = names(asked, "off"), names(asked, "unplugged")
        n = how_many(asked, 500)
        return lesion(self.network(model), model, data, self.home, n, off, unplugged)

    def compare(self, asked: Asked) -> Generator:
        from resnet_demo.evaluate.cka import compare

        pair = [(text(asked, one), self.network(text(asked, one))) for one in ("model", "other")]
        return compare(*pair, self.measurable(asked.get("data")), self.home, how_many(asked, 64))

    def initialisation(self, asked: Asked) -> Generator:
        from resnet_demo.charts.lab import drawn_initialisation

        data = self.measurable(asked.get("data"))
        return drawn_initialisation(data, self.home, asked.get("dark") is True)

    def gif(self, asked: Asked) -> Generator:
        from resnet_demo.probe.epochs_gif import gif

        run = run_of(text(asked, "model"))
        epochs = self.epochs(f"run:{run}")
        if not run or not epochs:
            raise UserError("Only a run has epochs to look through. Choose run:ID.")
        pixels, target = self.pixels.get(text(asked, "picture")), target_of(asked)
        load = lambda epoch: self.network(f"run:{run}@{epoch}")  # noqa: E731
        data = yield from gif(epochs, load, pixels, target)
        return {"name": f"run-{run}.gif", "url": octets(data, "image/gif")}

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
                return self.measurable(store.config.data)
        except UserError:
            return "shapes"

    def measurable(self, data: object) -> str:
        """Raises UserError for pictures that a stranger may not see, or would have downloaded."""
        data = str(data or "shapes")
        check_shown(data)
        downloaded = DataRef.parse(data).is_downloaded
        if is_public() and downloaded and not is_here(data, self.home):
            raise UserError(f"{data} is not on this machine. Take shapes.")
        return data


def run_of(model: str) -> str | None:
    """From "run:0001@3": "0001"; None for other networks, and for none."""
    with suppress(UserError):
        return ModelRef.parse(model.strip()).run
    return None


def size_of(found: "Inspection") -> int:
    return sum(maps.nbytes for maps in found.maps.values())


def octets(data: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
