"""What the Inspect panel asks for: numbers as the commands give them, and pictures of them."""

import base64
import hashlib
import io
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resnet_demo.cache import Cache
from resnet_demo.config import Home, UserError, shown_data
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import check_model, check_shown, is_public
from resnet_demo.ui.classifier import Classifier, data_url
from resnet_demo.ui.jobs import Jobs

if TYPE_CHECKING:
    from resnet_demo.models.sources import Network
    from resnet_demo.probe.inspect import Inspection

KEPT_BYTES = 256 * 2**20  # of decoded pictures, and of inspections
KEPT_PATHS = 1000
MOST_PUBLIC_PICTURES = 500  # that a stranger may have measured
Asked = dict[str, object]


class Inspector:
    """Imports torch at the first question, after the page is served."""

    def __init__(self, home: Home, classifier: Classifier) -> None:
        self.home, self.classifier = home, classifier
        self.paths: dict[str, Path] = {}  # key of a picture -> where its upload lies
        self.pixels = Cache(self.decode, lambda pixels: pixels.nbytes, KEPT_BYTES)
        self.looks = Cache(self.look_anew, size_of, KEPT_BYTES)
        self.jobs = Jobs()

    # --- pictures and networks -----------------------------------------------------------------

    def put(self, path: Path) -> str:
        """A key for a picture; raises UserError when it is refused."""
        key = hashlib.sha256(f"{path}".encode()).hexdigest()[:16]
        while len(self.paths) >= KEPT_PATHS:
            del self.paths[next(iter(self.paths))]
        self.paths[key] = path
        self.pixels.get(key)
        return key

    def decode(self, key: str) -> np.ndarray:
        if key not in self.paths:
            raise UserError("There is no picture. Drop one, or choose an example.")
        return self.classifier.decoders.decode(self.paths[key])

    def network(self, reference: object) -> "Network":
        return self.classifier.predictors.network(check_model(str(reference or "").strip()))

    def look_anew(self, key: tuple) -> "Inspection":
        from resnet_demo.probe.inspect import look

        picture, model, _, target = key
        return look(self.network(model), self.pixels.get(picture), target)

    def looked(self, asked: Asked) -> "Inspection":
        from resnet_demo.models.sources import version

        model = check_model(str(asked.get("model") or "").strip())
        picture, target = str(asked.get("picture")), str(asked.get("target") or "") or None
        return self.looks.get((picture, model, version(model, self.home), target))

    # --- answers -------------------------------------------------------------------------------

    def look(self, asked: Asked) -> Asked:
        """The record of `inspect` as far as one walk can tell, and its pictures."""
        from resnet_demo.probe.cam import overlay
        from resnet_demo.probe.maps import grey, sheet

        found, network = self.looked(asked), self.network(asked["model"])
        strips, heat = {}, {}
        for row in found.record["blocks"]:
            name = row["name"]
            tiles = grey(found.maps[name][row["strongest"]], bool(asked.get("shared")))
            strips[name] = data_url(sheet(tiles, len(tiles)))
            heat[name] = data_url(overlay(found.seen, found.cams[name]), "JPEG")
        return {
            "record": {"model": asked["model"], **found.record},
            "arch": network.arch,
            "classes": list(network.classes),
            "params": sum(p.numel() for p in network.model.parameters()),
            "px": network.px,
            "epochs": self.epochs(str(asked["model"])),
            "data": self.data_of(str(asked["model"])),
            "seen": data_url(found.seen),
            "strips": strips,
            "cams": heat,
        }

    def deeper(self, asked: Asked) -> Asked:
        """What takes a walk for each block: receptive field and deletion."""
        from resnet_demo.probe.inspect import deeper

        return {"blocks": deeper(self.network(asked["model"]), self.looked(asked))}

    def block(self, asked: Asked) -> Asked:
        """All channels of a block, and of the stem the filters."""
        from resnet_demo.probe.maps import columns_for, filters, grey, sheet
        from resnet_demo.probe.walk import anatomy

        maps = self.maps_of(asked)
        columns = columns_for(len(maps))
        answer = {
            "sheet": data_url(sheet(grey(maps, bool(asked.get("shared"))), columns)),
            "columns": columns,
            "means": maps.mean((1, 2)).tolist(),
            "largest": maps.max((1, 2)).tolist(),
        }
        if asked["block"] == "stem":
            first = filters(anatomy(self.network(asked["model"]).model).first)
            answer["filters"] = data_url(sheet(first, columns_for(len(first))))
        return answer

    def channel(self, asked: Asked) -> Asked:
        """One channel large over the picture."""
        from resnet_demo.probe.cam import overlay

        maps, index = self.maps_of(asked), asked.get("channel")
        if type(index) is not int or not 0 <= index < len(maps):
            raise UserError(f"{asked['block']} has the channels 0 to {len(maps) - 1}.")
        one = np.clip(maps[index], 0, None)
        over = overlay(self.looked(asked).seen, one / max(float(one.max()), 1e-12))
        return {"over": data_url(over)}

    def maps_of(self, asked: Asked) -> np.ndarray:
        maps = self.looked(asked).maps
        if asked.get("block") not in maps:
            raise UserError(f"There is no block '{str(asked.get('block'))[:40]}' in this network.")
        return maps[asked["block"]]

    def cut(self, asked: Asked) -> Asked:
        """The prediction with blocks switched off and shortcuts unplugged."""
        import torch

        from resnet_demo.probe.inspect import prediction
        from resnet_demo.probe.walk import anatomy, check_cuts, cut

        network, found = self.network(asked["model"]), self.looked(asked)
        body = anatomy(network.model)
        off, unplugged = names(asked, "off"), names(asked, "unplugged")
        check_cuts(body, off, unplugged)
        with torch.no_grad():
            x = body.stem(network.normalise(found.seen[None]))
            logits = cut(body, x, set(off), set(unplugged))[0]
        return prediction(network, logits, found.record["target"])

    def files(self, asked: Asked) -> Asked:
        """Lossless: the block's maps as npz, or as one PNG."""
        from resnet_demo.probe.maps import columns_for, grey, sheet

        maps, name = self.maps_of(asked), f"{asked['block']}-maps"
        if asked.get("kind") == "png":
            tiles = grey(maps, bool(asked.get("shared")))
            return {"name": f"{name}.png", "url": data_url(sheet(tiles, columns_for(len(tiles))))}
        data = io.BytesIO()
        np.savez_compressed(data, **{str(asked["block"]): maps})
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
        if asked.get("kind") not in kinds:
            raise UserError(f"There is no measurement '{str(asked.get('kind'))[:40]}'.")
        return {"job": self.jobs.start(partial(kinds[asked["kind"]], asked))}

    def finish(self, steps: Generator) -> Asked:
        """For programs that wait: the work's answer, in turn with the page's."""
        with self.jobs.turn:
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value

    def lesion(self, asked: Asked) -> Generator:
        from resnet_demo.evaluate.lesion import lesion

        model, data = str(asked.get("model") or "").strip(), str(asked.get("data") or "shapes")
        check_shown(data)
        off, unplugged = names(asked, "off"), names(asked, "unplugged")
        n = how_many(asked, 500)
        return lesion(self.network(model), model, data, self.home, n, off, unplugged)

    def compare(self, asked: Asked) -> Generator:
        from resnet_demo.evaluate.similarity import compare

        data = str(asked.get("data") or "shapes")
        check_shown(data)
        pair = [(str(asked.get(one)), self.network(asked.get(one))) for one in ("model", "other")]
        return compare(*pair, data, self.home, how_many(asked, 64))

    def initialisation(self, asked: Asked) -> Generator:
        from resnet_demo.lab.initialisation import run

        data = str(asked.get("data") or "shapes")
        check_shown(data)
        return run(data, self.home)

    def gif(self, asked: Asked) -> Generator:
        from resnet_demo.probe.through import gif

        run = run_of(str(asked.get("model")))
        epochs = self.epochs(f"run:{run}")
        if not run or not epochs:
            raise UserError("Only a run has epochs to look through. Choose run:ID.")
        pixels = self.pixels.get(str(asked.get("picture")))
        target = str(asked.get("target") or "") or None
        load = lambda epoch: self.network(f"run:{run}@{epoch}")  # noqa: E731
        data = yield from gif(epochs, load, pixels, target)
        return {"name": f"run-{run}.gif", "url": octets(data, "image/gif")}

    # --- what else a panel needs to know -------------------------------------------------------

    def epochs(self, model: str) -> list[int]:
        """Of which a run keeps weights to look back; none for other networks."""
        run = run_of(model)
        if not run or run not in control.run_names(self.home):
            return []
        kept = (control.run_dir(self.home, run) / "weights").glob("epoch-*.safetensors")
        return sorted(int(path.stem.removeprefix("epoch-")) for path in kept)

    def data_of(self, model: str) -> str:
        """Pictures to measure on: a run's own, Imagenette for others where it is on this machine,
        else shapes."""
        run = run_of(model)
        if run and run in control.run_names(self.home):
            with Store(control.run_dir(self.home, run)) as store:
                data = store.config.data
            return data if not is_public() or data == shown_data(data) else "shapes"
        return "imagenette" if self.is_here("imagenette") else "shapes"

    def is_here(self, data: str) -> bool:
        from resnet_demo.data.sources import open_data

        work = open_data(data, self.home)
        try:
            next(work)
        except StopIteration:
            return True
        except UserError:
            return False
        work.close()
        return False


def run_of(model: str) -> str | None:
    """From "run:0001@3": "0001"."""
    match = re.fullmatch(r"run:([A-Za-z0-9_-]+)(@\w+)?", model.strip())
    return match[1] if match else None


def names(asked: Asked, which: str) -> tuple[str, ...]:
    given = asked.get(which)
    return tuple(str(one) for one in given) if isinstance(given, list) else ()


def how_many(asked: Asked, default: int) -> int:
    n = asked.get("n", default)
    if type(n) is not int:
        raise UserError(f"The number of pictures must be a whole number. Got {str(n)[:20]!r}.")
    if is_public() and n > MOST_PUBLIC_PICTURES:
        raise UserError(f"On a public page at most {MOST_PUBLIC_PICTURES} pictures. Got {n}.")
    return n


def size_of(found: "Inspection") -> int:
    return sum(maps.nbytes for maps in found.maps.values())


def octets(data: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()
