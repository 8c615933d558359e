"""What the Inspect panel's experiments answer: two dimmers, and gradients by path length."""

import inspect
import math
from typing import TYPE_CHECKING

import numpy as np

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui.access import is_public
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import data_url

if TYPE_CHECKING:
    from torch import Tensor

# Blocks squared times pixels that a stranger may have split: ResNet-50 at 224 px has 12.8 million;
# ResNet-152 has ten times as many and takes 42 s on one thread.
MOST_PUBLIC_WORK = 15_000_000
# Which value a line of a block makes; what is not here makes none of them.
MADE_BY = {
    "return self.bn": "F(x)",
    "out = self.branch(x)": "F(x)",
    "out + self.shortcut": "shortcut",
    "return F.relu(out)": "out",
}


def dim(inspector: Inspector, request: InspectRequest) -> Json:
    """The prediction with every block, or one, as a F(x) + b x."""
    import torch

    from resnet_demo.probe.anatomy import anatomy, check_cuts, dimmed
    from resnet_demo.probe.inspection import prediction

    network, inspection = inspector.network(request.model), inspector.looked(request)
    view = anatomy(network.model)
    check_cuts(view, [request.block] if request.block else [])
    if not view.residual:
        raise UserError("A plain network has no shortcuts: there is nothing to dim.")
    with torch.no_grad():
        x = view.stem(network.normalise(inspection.seen[None]))
        logits = dimmed(view, x, request.a, request.b, request.block)[0]
    return prediction(network, logits, inspection.record["target"])


def paths(inspector: Inspector, request: InspectRequest) -> Json:
    """{shares, mean, pictures}: how much of the gradient went through how many blocks; and, for
    each k, the picture of what is left with paths of at most k."""
    from resnet_demo.probe.anatomy import anatomy
    from resnet_demo.probe.paths import path_gradients, path_lengths

    network, inspection = inspector.network(request.model), inspector.looked(request)
    view, images = anatomy(network.model), network.normalise(inspection.seen[None])
    if is_public() and len(view.parts) ** 2 * network.px**2 > MOST_PUBLIC_WORK:
        raise UserError(
            f"On a public page paths are split in networks up to ResNet-50's size; this one has "
            f"{len(view.parts)} blocks and sees {network.px} px. Choose a smaller one."
        )
    with inspector.at_once:
        gradients = path_gradients(view, images, inspection.record["target"])
    lengths = path_lengths(gradients)
    kept = gradients.cumsum(0).abs().amax(1).numpy()  # (n + 1, H, W)
    most = float(kept[-1].max())
    return {
        "shares": lengths["shares"],
        "mean": lengths["mean"],
        "pictures": [data_url(grey(gradient, most), "JPEG") for gradient in kept],
    }


def field(inspector: Inspector, request: InspectRequest) -> Json:
    """{over, px}: the pixels that a block's central unit hangs on, over the picture, and the side
    of a square as large (Luo et al. 2016, arXiv 1701.04128, section 3, for one picture)."""
    from resnet_demo.probe.anatomy import anatomy, walk
    from resnet_demo.probe.cam import overlay
    from resnet_demo.probe.gradients import input_gradients, receptive_field

    network, inspection = inspector.network(request.model), inspector.looked(request)
    images = network.normalise(inspection.seen[None]).requires_grad_()
    with inspector.at_once:
        steps = walk(anatomy(network.model), images)
        step = next((step for step in steps if step.name == request.block), None)
        if step is None:
            raise UserError(f"There is no block '{request.block[:40]}' in this network.")
        (gradient,) = input_gradients(images, [step])
    share = grey(gradient.cpu().numpy(), float(gradient.max())) / np.float32(255)
    over = data_url(overlay(inspection.seen, share), "JPEG")
    return {"over": over, "px": receptive_field(gradient)}


def grey(gradient: np.ndarray, most: float) -> np.ndarray:
    """float (H, W) -> uint8, white where it is `most`; a square root, since most is near zero."""
    share = np.sqrt(np.clip(gradient / max(most, math.ulp(0.0)), 0, 1))
    return (255 * share).astype(np.uint8)


def early(inspector: Inspector, request: InspectRequest) -> Json:
    """{rows: [{name, probability, class}]}: what the network would say if from each block on only
    shortcuts were left (where a shape changes they are all that can be taken)."""
    import torch

    from resnet_demo.probe.anatomy import anatomy, early_logits

    network, inspection = inspector.network(request.model), inspector.looked(request)
    view, target = anatomy(network.model), inspection.record["target"]
    if not view.residual:
        raise UserError("A plain network has no shortcuts: its rest cannot be left out.")
    with inspector.at_once, torch.no_grad():
        x = view.stem(network.normalise(inspection.seen[None]))
        known = {name: network.probabilities(row[0]) for name, row in early_logits(view, x)}
    rows = [
        {
            "name": name,
            "probability": float(sure[target]),
            "class": network.classes[int(sure.argmax())],
        }
        for name, sure in known.items()
    ]
    return {"rows": rows, "class": network.classes[target]}


def code(inspector: Inspector, request: InspectRequest) -> Json:
    """{lines: [{text, value}], values: [{name, shape, norm, picture}]}: a block's own lines, as
    they stand in this program or in timm, and what passes through them for this picture."""
    import torch

    from resnet_demo.models.resnet import Block
    from resnet_demo.probe.anatomy import anatomy, run_block

    network, inspection = inspector.network(request.model), inspector.looked(request)
    view = anatomy(network.model)
    part = next((part for part in view.parts if part.name == request.block), None)
    if part is None:
        raise UserError(f"There is no block '{request.block[:40]}' in this network.")
    with torch.no_grad():
        x = view.stem(network.normalise(inspection.seen[None]))
        for before in view.parts[: view.parts.index(part)]:
            x = before.out(x)
        step = run_block(part, x)
    block = part.module
    functions = [block.branch, block.forward] if isinstance(block, Block) else [block.forward]
    lines = "\n".join(inspect.cleandoc(inspect.getsource(each)) for each in functions).split("\n")
    tensors = {"x": x, "F(x)": step.branch, "shortcut": step.shortcut, "out": step.out}
    return {
        "lines": [{"text": line, "value": value_of(line)} for line in lines],
        "values": [described(name, t[0]) for name, t in tensors.items() if t is not None],
    }


def value_of(line: str) -> str:
    return next((name for start, name in MADE_BY.items() if start in line), "")


def described(name: str, tensor: "Tensor") -> Json:
    """tensor: (C, h, w). The picture is the mean over channels."""
    mean = tensor.mean(0).cpu().numpy()
    low, high = float(mean.min()), float(mean.max())
    share = (mean - low) / max(high - low, math.ulp(0.0))
    picture = data_url((255 * share).astype(np.uint8))
    norm = float(tensor.norm())
    return {"name": name, "shape": list(tensor.shape), "norm": norm, "picture": picture}
