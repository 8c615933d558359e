"""`evaluate MODEL --data DATA [--split val|clean|all]`.

Pictures are read, cut and normalised as in Classify, so that the accuracy is that of what people
see there.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from resnet_demo import device
from resnet_demo.config import Home
from resnet_demo.cores import num_cores
from resnet_demo.data import open_data
from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.imagenette import IMAGENETTE_INDEXES
from resnet_demo.errors import UserError, amount, require_one_of
from resnet_demo.evaluate.metrics import Scores, all_logits, score
from resnet_demo.files import Json
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.progress import Progress
from resnet_demo.refs import shown_data

SPLITS = ("val", "clean", "all")
BATCH = 64
IMAGENET_VAL = "ILSVRC2012_val_"  # how ImageNet names its validation pictures
LEAK = (
    "This network has learned from ImageNet's training pictures, and 96.6 % of Imagenette's "
    "validation pictures are among them. --split clean measures on the others."
)


SEEN = "It was trained on pictures of {}: these are among them, and count here as if they were new."
SOME = (
    "One picture in five was measured, as there is no val folder: those that are kept apart where "
    "a network is trained on these. If none was, --split all measures on every one."
)


class Reader:
    """Pictures of a split as a network sees them; what cannot be read is left out and named."""

    def __init__(self, network: Network, split: Split, indices: list[int]) -> None:
        self.network, self.split, self.indices = network, split, indices
        self.kept: list[int] = []
        self.broken: list[str] = []

    def batches(self) -> Iterator[Tensor]:
        """Normalised (B, 3, px, px)."""
        return map(self.network.normalise, self.seen())

    def seen(self) -> Iterator[np.ndarray]:
        """uint8 (B, px, px, 3), decoded on all cores."""
        with ThreadPoolExecutor(num_cores()) as pool:
            for start in range(0, len(self.indices), BATCH):
                part = self.indices[start : start + BATCH]
                seen = [self.take(*pair) for pair in zip(part, pool.map(self.read, part))]
                readable = [picture for picture in seen if picture is not None]
                if readable:
                    yield np.stack(readable)
        if not self.kept:
            count = len(self.indices)
            raise UserError(f"None of {amount(count, 'picture')} can be read: {self.broken[0]}")

    def read(self, index: int) -> np.ndarray | str:
        try:
            return self.network.crop(self.split.read(index))
        except UserError as error:
            return str(error)

    def take(self, index: int, seen: np.ndarray | str) -> np.ndarray | None:
        if isinstance(seen, str):
            self.broken.append(f"{self.split.names[index]}: {seen}")
            return None
        self.kept.append(index)
        return seen


def evaluate(
    model: str, data: str, home: Home, split: str = "val"
) -> Generator[Progress, None, Json]:
    """Return the JSON of `evaluate`.

    Raises UserError when the network does not know the pictures' classes.
    """
    require_one_of("split", split, SPLITS)
    network = reference.ready(model, home)
    device.prepare()
    pictures = yield from open_data(data, home)
    known = columns(network, pictures, model, data)
    labels, names, logits, facts = yield from run(network, chosen(network, pictures, split))
    among = logits[:, known]
    scores = score(among, labels, pictures.classes, names, network.temperature)
    numbers = asdict(scores)
    if len(known) < logits.shape[1]:
        numbers |= of_all_classes(logits, torch.tensor(known)[labels], scores)
    if network.unlike_below is not None:
        numbers["unlike_share"] = share_below(logits, network.unlike_below)
    note = " ".join(what_to_know(network, pictures, data, split))
    about = {"model": model, "data": data, "split": split, "px": network.px, "note": note}
    return {**about, **numbers, **facts, "classes": list(pictures.classes)}


def what_to_know(network: Network, pictures: Pictures, data: str, split: str) -> Iterator[str]:
    """Sentences on how far the accuracy can be believed."""
    if network.pretrained and split != "clean" and is_imagenette(pictures):
        yield LEAK
    trained_on_these = network.about.get("data") == shown_data(data)
    if split == "all" and trained_on_these:
        yield SEEN.format(data)
    if split == "val" and pictures.kept_apart and not trained_on_these:
        yield SOME


def columns(network: Network, pictures: Pictures, model: str, data: str) -> list[int]:
    """Which outputs stand for the pictures' classes, in their order: those of the same names."""
    if network.classes == pictures.classes:
        return list(range(len(network.classes)))
    if len(network.classes) == 1000 and is_imagenette(pictures) and network.pretrained:
        return [IMAGENETTE_INDEXES[name] for name in pictures.classes]
    times = Counter(network.classes)  # ImageNet has two cranes
    if all(times[name] == 1 for name in pictures.classes):
        return [network.classes.index(name) for name in pictures.classes]
    raise UserError(
        f"{model} knows {len(network.classes)} classes ({network.classes[0]} ...), {data} has "
        f"{len(pictures.classes)} ({pictures.classes[0]} ...): all of these must be among those."
    )


def is_imagenette(pictures: Pictures) -> bool:
    return set(pictures.classes) <= set(IMAGENETTE_INDEXES)


def chosen(network: Network, pictures: Pictures, which: str) -> list[tuple[Split, list[int]]]:
    """(split, picture numbers) to measure on. Clean are ImageNet's own validation pictures; those
    in the train folder only for a network that was not trained on it."""
    if which != "clean":
        wanted = [pictures.val, pictures.train] if which == "all" else [pictures.val]
        return [(split, list(range(len(split)))) for split in wanted]
    trained_here = "data" in network.about
    splits = [pictures.val] if trained_here else [pictures.val, pictures.train]
    clean_splits = [(split, clean) for split in splits if (clean := clean_pictures(split))]
    if not clean_splits:
        raise UserError(
            f"There are no clean pictures here: none is named {IMAGENET_VAL}*. "
            f"Use Imagenette with its own file names, or --split val."
        )
    return clean_splits


def clean_pictures(split: Split) -> list[int]:
    return [i for i, name in enumerate(split.names) if name.split("/")[-1].startswith(IMAGENET_VAL)]


def run(
    network: Network, parts: list[tuple[Split, list[int]]]
) -> Generator[Progress, None, tuple[Tensor, tuple[str, ...], Tensor, Json]]:
    """Return labels (N,), names, logits (N, classes), and what to tell of the reading."""
    started = time.perf_counter()
    labels, names, broken, logits = [], [], [], []
    for split, indices in parts:
        reader = Reader(network, split, indices)
        work = all_logits(network.model, reader.batches(), len(indices), device.device())
        logits.append((yield from work))
        labels += [split.labels[index] for index in reader.kept]
        names += [split.names[index] for index in reader.kept]
        broken += reader.broken
    rate = len(labels) / (time.perf_counter() - started)
    facts = {"images_per_s": rate, "broken": broken, "machine": device.describe_machine()}
    return torch.tensor(labels), tuple(names), torch.cat(logits), facts


def of_all_classes(logits: Tensor, labels: Tensor, among: Scores) -> Json:
    """Scores over all outputs take the names; those among the data's classes stand beside."""
    wide, narrow = asdict(score(logits, labels, ())), asdict(among)
    kept = ("top1", "top1_ci95", "top5", "val_loss", "ece")
    return {name: wide[name] for name in kept} | {f"{name}_among": narrow[name] for name in kept}


def share_below(logits: Tensor, threshold: float) -> float:
    """Percent of pictures that are called unlike all classes."""
    return 100 * (logits.amax(1) < threshold).double().mean().item()
