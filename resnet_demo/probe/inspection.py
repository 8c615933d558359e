"""`inspect MODEL IMAGE`: everything about one picture in one network, block by block."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import Anatomy, Step, anatomy, walk
from resnet_demo.probe.cam import cams, deletion
from resnet_demo.probe.feature_maps import strongest
from resnet_demo.probe.gradients import gradient_norms, input_gradients, receptive_field

TOP = 5


@dataclass(frozen=True)
class Inspection:
    """The numbers as JSON, and the arrays that the pictures are made of, by block name."""

    record: Json
    seen: np.ndarray  # uint8 (px, px, 3)
    maps: dict[str, np.ndarray]  # float32 (C, h, w): block outputs
    cams: dict[str, np.ndarray]  # float32 (h, w) in 0..1


Deleted = list[dict[str, float | None]]  # a row a block, as `cam.deletion` gives them
Predict = Callable[[np.ndarray], Tensor]  # uint8 (1, px, px, 3) -> logits (1, classes)


def inspect(
    network: Network,
    pixels: np.ndarray,
    target: str | int | None = None,
    predict: Predict | None = None,
) -> Inspection:
    """pixels: uint8 (H, W, 3). target: class by name or index; the most probable when not given.
    predict: what gives Classify's answer, so that both say the same number; this walk's own when
    not given.

    Raises UserError for a class that the network does not know.
    """
    quick = inspect_forward(network, pixels, target, predict)
    for row, more in zip(quick.record["blocks"], inspect_backward(network, quick)):
        row.update(more)
    return quick


def inspect_forward(
    network: Network,
    pixels: np.ndarray,
    target: str | int | None = None,
    predict: Predict | None = None,
) -> Inspection:
    """What one walk forward and two back can tell."""
    view, seen = anatomy(network.model), network.crop(pixels)
    with torch.enable_grad():
        steps = list(walk(view, network.normalise(seen[None])))
        logits = view.head(steps[-1].out)
        answer = predict(seen[None])[0] if predict else logits.detach()[0]
        chosen = class_index(network, target, answer)
        norms = gradient_norms(view, steps, logits, chosen)
        heat = cams([step.out for step in steps], logits[0, chosen])
    params = [sum(p.numel() for p in some) for some in view.parameters()]
    blocks = [
        described(view, i, step) | {"params": params[i]} | norms[i] for i, step in enumerate(steps)
    ]
    maps = {step.name: step.out.detach()[0].cpu().numpy() for step in steps}
    record = prediction(network, answer, chosen) | {"blocks": blocks}
    return Inspection(record, seen, maps, dict(zip(maps, heat)))


def inspect_backward(
    network: Network, quick: Inspection, deleted: Deleted | None = None
) -> list[dict[str, float | None]]:
    """What takes a walk back or forward for each block: receptive field and deletion. deleted: what
    `deletion_of` said, where that was worked out elsewhere."""
    view = anatomy(network.model)
    images = network.normalise(quick.seen[None]).requires_grad_()
    with torch.enable_grad():
        gradients = input_gradients(images, list(walk(view, images)))
    rows = zip(gradients, deleted or deletion_of(network, quick))
    return [{"receptive_field_px": receptive_field(one), **row} for one, row in rows]


def deletion_of(network: Network, quick: Inspection) -> Deleted:
    """Of each block's heat map."""
    return deletion(network, quick.seen, list(quick.cams.values()), quick.record["target"])


def prediction(network: Network, logits: Tensor, target: int) -> Json:
    """logits: (classes,)."""
    probabilities = network.probabilities(logits)
    best = probabilities.topk(min(TOP, len(probabilities)))
    return {
        "target": target,
        "class": network.classes[target],
        "probability": probabilities[target].item(),
        "top": [
            {"class": network.classes[index], "index": index, "probability": probability}
            for probability, index in zip(best.values.tolist(), best.indices.tolist())
        ],
    }


def class_index(network: Network, target: str | int | None, logits: Tensor) -> int:
    """A number is an index; a text a name, or an index when no class is called so."""
    if target is None or target == "":
        return int(logits.argmax())
    places = [place for place, name in enumerate(network.classes) if name == target]
    if len(places) > 1:
        raise UserError(f"Several classes are called '{target}': give one of {places}.")
    if places:
        return places[0]
    known = range(len(network.classes))
    if re.fullmatch("[0-9]{1,9}", str(target)) and int(target) in known:
        return int(target)
    near = difflib.get_close_matches(str(target)[:80], network.classes, 3) or network.classes[:3]
    raise UserError(
        f"There is no class '{str(target)[:40]}' among the {len(network.classes)} of this "
        f"network. Near names: {', '.join(near)}."
    )


def described(view: Anatomy, index: int, step: Step) -> Json:
    """What passed a block, without gradients; `branch_norm` and `shortcut_norm` before the
    addition, None where there is no such way."""
    out = step.out.detach()[0]
    part = view.parts[index - 1] if index else None
    branch, shortcut = (None if t is None else t.detach() for t in (step.branch, step.shortcut))
    norms = [None if t is None else t.norm().item() for t in (branch, shortcut)]
    return {
        "name": step.name,
        "shape": list(out.shape),
        "residual": part is not None and part.shortcut is not None,
        "downsamples": part is not None and part.downsamples,
        "activation_mean": out.mean().item(),
        "activation_std": out.std().item(),
        "dead_share": (out.amax((1, 2)) <= 0).float().mean().item(),
        "branch_norm": norms[0],
        "shortcut_norm": norms[1],
        "branch_over_shortcut": norms[0] / norms[1] if norms[1] else None,
        "response_std": step.responses,
        "response_std_mean": sum(step.responses) / len(step.responses) if step.responses else None,
        "strongest": strongest(out.cpu().numpy()),
    }
