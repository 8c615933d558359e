"""`lesion MODEL`: accuracy without single blocks (Veit et al. 2016, arXiv 1605.06431, Fig. 3)."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_demo.config import Home
from resnet_demo.evaluate.sample import Sample, sample
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import Anatomy, anatomy, check_cuts, cut
from resnet_demo.progress import Progress

BATCH = 25  # the largest input of a block, resnet152 at 224 px: 80 MB
WHOLE, TOGETHER = "", "together"
Cut = tuple[frozenset[str], frozenset[str], int]  # off, unplugged, blocks before the first cut


@dataclass
class Count:
    """How often a cut network was right, and of the whole network's opinion."""

    right: int = 0
    kept: int = 0
    n: int = 0

    def add(self, called: Tensor, whole: Tensor, labels: Tensor | None) -> None:
        self.n += len(called)
        self.kept += int((called == whole).sum())
        self.right += 0 if labels is None else int((called == labels).sum())


def lesion(
    network: Network,
    model: str,
    data: str,
    home: Home,
    n: int = 500,
    blocks: tuple[str, ...] = (),
    unplug: tuple[str, ...] = (),
) -> Generator[Progress, None, Json]:
    """Return the JSON of `lesion`: every block switched off alone, or with `blocks` or `unplug`
    (shortcuts) those, each alone and all together. "layer2.1:17" is a channel of a block.

    Raises UserError for a plain network: it has no way around a block.
    """
    view = anatomy(network.model)
    chosen = bool(blocks or unplug)
    off = blocks if chosen else tuple(part.name for part in view.parts)
    check_cuts(view, off, unplug)
    pictures = yield from sample(network, model, data, home, n)
    cuts = planned(view, off, unplug, together=len(off) + len(unplug) > 1 and chosen)
    counts = yield from counted(view, pictures, cuts)
    whole = counts.pop(WHOLE)
    known = pictures.labels is not None
    about = {"model": model, "data": data, "n": whole.n, "note": pictures.note}
    baseline = accuracy(whole, known)
    rows = {name: row_of(view, name, count, whole, known) for name, count in counts.items()}
    together = {"together": rows.pop(TOGETHER)} if TOGETHER in rows else {}
    return {
        **about,
        "baseline_top1": baseline["top1"],
        "baseline_ci95": baseline["top1_ci95"],
        "blocks": list(rows.values()),
        **together,
    }


def planned(
    view: Anatomy, off: tuple[str, ...], unplug: tuple[str, ...], together: bool
) -> dict[str, Cut]:
    """Named cuts; a shortcut's name has a mark."""
    places = {part.name: place for place, part in enumerate(view.parts)}
    places |= {cut: places.get(cut.partition(":")[0], 0) for cut in off}  # the stem's: at once
    nothing: frozenset[str] = frozenset()
    cuts: dict[str, Cut] = {WHOLE: (nothing, nothing, 0)}
    cuts |= {name: (frozenset([name]), nothing, places[name]) for name in off}
    cuts |= {f"{name} shortcut": (nothing, frozenset([name]), places[name]) for name in unplug}
    if together:
        first = min(places[name] for name in (*off, *unplug))
        cuts[TOGETHER] = (frozenset(off), frozenset(unplug), first)
    return cuts


def counted(
    view: Anatomy, pictures: Sample, cuts: dict[str, Cut]
) -> Generator[Progress, None, dict[str, Count]]:
    counts = {name: Count() for name in cuts}
    for start in range(0, len(pictures), BATCH):
        part = slice(start, start + BATCH)
        labels = None if pictures.labels is None else pictures.labels[part]
        for name, called in answers(view, pictures.images(part), cuts):
            if name == WHOLE:  # it comes first
                whole = called
            counts[name].add(called, whole, labels)
            yield "Lesioning", start, len(pictures)  # a deep network's cuts take long
        yield "Lesioning", min(start + BATCH, len(pictures)), len(pictures)
    return counts


def answers(view: Anatomy, images: Tensor, cuts: dict[str, Cut]) -> Iterator[tuple[str, Tensor]]:
    """(name of a cut, what it calls each picture). One walk: a cut begins at its first block, so
    the stem is run once and only one block's input is kept."""
    with torch.inference_mode():
        x = view.stem(images)
    for place, part in enumerate(view.parts):
        for name, (off, unplugged, first) in cuts.items():
            if first == place:
                with torch.inference_mode():
                    called = cut(view, x, off, unplugged, after=place).argmax(1).cpu()
                yield name, called
        with torch.inference_mode():
            x = part.out(x)


def accuracy(count: Count, known: bool) -> Json:
    return {
        "top1": 100 * count.right / count.n if known else None,
        "top1_ci95": wilson(count.right, count.n) if known else None,
        "kept": 100 * count.kept / count.n,
    }


def row_of(view: Anatomy, name: str, count: Count, whole: Count, known: bool) -> Json:
    """drop: points of top-1 below the whole network's; kept: percent of pictures that keep the
    name which the whole network gives them."""
    part = next((part for part in view.parts if part.name == name.split(" ")[0]), None)
    return {
        "name": name,
        **accuracy(count, known),
        "drop": 100 * (whole.right - count.right) / whole.n if known else None,
        "downsamples": part is not None and part.downsamples,
    }
