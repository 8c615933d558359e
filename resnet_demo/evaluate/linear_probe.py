"""`probes MODEL`: what a linear classifier can read from each block (Alain & Bengio 2016, arXiv
1610.01644). Outputs are averaged over places; the network itself is not trained."""

import hashlib
from collections.abc import Generator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_demo.config import Home
from resnet_demo.data import open_data
from resnet_demo.data.dataset import Split
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import Reader
from resnet_demo.evaluate.sample import MOST, spread
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json, read_json, write_json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import Anatomy, anatomy, walk
from resnet_demo.progress import Progress

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # times the number of pictures
TRAIN_OVER_VAL = 2  # pictures to learn from, for each that is tested on
EPS = 1e-6
NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)  # a picture


def probes(
    networks: list[tuple[str, Network]], data: str, home: Home, n: int
) -> Generator[Progress, None, Json]:
    """Return the JSON of `probes`: for each network its blocks' probes, fitted on 2 n training
    pictures of `data` and tested on n validation pictures. What was measured once is kept.

    Raises UserError when the pictures cannot be had, or for an `n` that makes no sense.
    """
    if not 1 <= n <= MOST:
        raise UserError(f"The number of pictures must lie between 1 and {MOST:,}. Got {n}.")
    pictures = yield from open_data(data, home)
    splits = {"train": pictures.train, "val": pictures.val}
    rows = []
    for model, network in networks:
        kept = home.caches / f"probes-{key_of(network, splits, n)}.json"
        results = read_json(kept)
        if results is None:
            results = yield from fitted(network, splits, n)
            write_json(kept, results)
        rows.append({"model": model, **results})
    return {"data": data, "classes": list(pictures.classes), "networks": rows}


def key_of(network: Network, splits: dict[str, Split], n: int) -> str:
    """Of this network, by all that decides what it says (an untrained one and its twin have the
    same weights), on these pictures."""
    digest = hashlib.sha256(f"{n} {network.arch}".encode())
    digest.update(network.normalise(network.crop(NOISE)[None]).cpu().numpy().tobytes())
    for split in splits.values():
        digest.update(split.fingerprint.encode())
    for tensor in network.model.state_dict().values():
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()[:24]


def fitted(network: Network, splits: dict[str, Split], n: int) -> Generator[Progress, None, Json]:
    view = anatomy(network.model)
    train, labels = yield from pooled(network, view, splits["train"], TRAIN_OVER_VAL * n)
    val, truth = yield from pooled(network, view, splits["val"], n)
    blocks, names = [], ["stem", *(part.name for part in view.parts)]
    for done, (name, seen, unseen) in enumerate(zip(names, train, val), 1):
        right = int((readout(seen, labels, unseen) == truth).sum())
        blocks.append(
            {
                "name": name,
                "channels": seen.shape[1],
                "top1": 100 * right / len(truth),
                "top1_ci95": list(wilson(right, len(truth))),
            }
        )
        yield "Fitting", done, len(names)
    return {"n_train": len(labels), "n": len(truth), "blocks": blocks}


def pooled(
    network: Network, view: Anatomy, split: Split, n: int
) -> Generator[Progress, None, tuple[list[Tensor], Tensor]]:
    """After the stem and each block: (N, channels), averaged over places; and the labels (N,)."""
    reader = Reader(network, split, spread(len(split), n))
    outs: list[list[Tensor]] = []
    for images in reader.batches():
        with torch.inference_mode():
            outs.append([step.out.mean((2, 3)).cpu() for step in walk(view, images)])
        yield "Looking at pictures", len(reader.kept), len(reader.indices)
    labels = torch.tensor([split.labels[index] for index in reader.kept])
    return [torch.cat(parts) for parts in zip(*outs)], labels


def readout(seen: Tensor, labels: Tensor, unseen: Tensor) -> Tensor:
    """Classes of `unseen` (M, C) by ridge regression on one-hot labels of `seen` (N, C); its ridge
    is the one that leaves fewest errors when each picture is left out in turn."""
    mean, scale = seen.mean(0), seen.std(0).clamp(min=EPS)
    x, wanted = ((seen - mean) / scale).double(), F.one_hot(labels).double()
    shares = wanted.mean(0)
    u, s, vt = torch.linalg.svd(x, full_matrices=False)

    def right_left_out(ridge: float) -> int:
        guess = left_out(u, s, wanted - shares, ridge * len(x)) + shares
        return int((guess.argmax(1) == labels).sum())

    ridge = max(RIDGES, key=right_left_out) * len(x)
    weights = vt.T @ ((s / (s**2 + ridge))[:, None] * (u.T @ (wanted - shares)))
    return (((unseen - mean) / scale).double() @ weights + shares).argmax(1)


def left_out(u: Tensor, s: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """What ridge regression says of each row, (N, classes), when it is fitted on all others.

    u, s: of the singular value decomposition of the inputs; these and the targets are centred.
    """
    shrink = s**2 / (s**2 + ridge)
    fitted = u @ (shrink[:, None] * (u.T @ targets))
    leverage = ((u**2 * shrink).sum(1) + 1 / len(u)).clamp(max=1 - EPS)[:, None]
    return (fitted - leverage * targets) / (1 - leverage)
