"""Accuracy with branches and shortcuts at other strengths, a F(x) + b x; norms are not refitted."""

from collections.abc import Generator

import torch

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.lesion import BATCH, Count, accuracy
from resnet_demo.evaluate.sample import sample
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy, check_cuts, cut, dimmed
from resnet_demo.progress import Progress


def dimming(
    network: Network, model: str, data: str, home: Home, n: int, a: float, b: float, block: str = ""
) -> Generator[Progress, None, Json]:
    """Return {model, data, n, note, a, b, block, baseline_top1, baseline_ci95, top1, top1_ci95,
    kept}, in percent: on n validation pictures of `data`, in `block` or, "", in all.

    Raises UserError for a plain network: it has no shortcuts.
    """
    view = anatomy(network.model)
    check_cuts(view, [block] if block else [])
    if not view.residual:
        raise UserError("A plain network has no shortcuts: there is nothing to dim.")
    pictures = yield from sample(network, model, data, home, n)
    whole, changed = Count(), Count()
    for start in range(0, len(pictures), BATCH):
        part = slice(start, start + BATCH)
        labels = None if pictures.labels is None else pictures.labels[part]
        with torch.inference_mode():
            x = view.stem(pictures.images(part))
            before = cut(view, x, frozenset()).argmax(1).cpu()
            after = dimmed(view, x, a, b, block).argmax(1).cpu()
        whole.add(before, before, labels)
        changed.add(after, before, labels)
        yield "Counting", min(start + BATCH, len(pictures)), len(pictures)
    baseline = accuracy(whole, pictures.labels is not None)
    return {
        "model": model, "data": data, "n": whole.n, "note": pictures.note,
        "a": a, "b": b, "block": block,
        "baseline_top1": baseline["top1"], "baseline_ci95": baseline["top1_ci95"],
        **accuracy(changed, pictures.labels is not None),
    }  # fmt: skip
