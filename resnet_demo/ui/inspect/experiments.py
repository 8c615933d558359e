"""What the Inspect panel's experiments answer: two dimmers, and gradients by path length."""

import math

import numpy as np

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import data_url


def dim(inspector: Inspector, request: InspectRequest) -> Json:
    """The prediction with every block, or one, as a F(x) + b x."""
    import torch

    from resnet_demo.probe.anatomy import anatomy, check_cuts, dimmed
    from resnet_demo.probe.inspection import prediction

    network, found = inspector.network(request.model), inspector.looked(request)
    view = anatomy(network.model)
    check_cuts(view, [request.block] if request.block else [])
    if not view.residual:
        raise UserError("A plain network has no shortcuts: there is nothing to dim.")
    with torch.no_grad():
        x = view.stem(network.normalise(found.seen[None]))
        logits = dimmed(view, x, request.a, request.b, request.block)[0]
    return prediction(network, logits, found.record["target"])


def paths(inspector: Inspector, request: InspectRequest) -> Json:
    """{shares, mean, pictures}: how much of the gradient went through how many blocks; and, for
    each k, the picture of what is left with paths of at most k."""
    from resnet_demo.probe.anatomy import anatomy
    from resnet_demo.probe.paths import path_gradients, path_lengths

    network, found = inspector.network(request.model), inspector.looked(request)
    images = network.normalise(found.seen[None])
    gradients = path_gradients(anatomy(network.model), images, found.record["target"])
    told = path_lengths(gradients)
    kept = gradients.cumsum(0).abs().amax(1).numpy()  # (n + 1, H, W)
    most = float(kept[-1].max())
    return {
        "shares": told["shares"],
        "mean": told["mean"],
        "pictures": [data_url(grey(one, most), "JPEG") for one in kept],
    }


def grey(gradient: np.ndarray, most: float) -> np.ndarray:
    """float (H, W) -> uint8, white where it is `most`; a square root, since most is near zero."""
    share = np.sqrt(np.clip(gradient / max(most, math.ulp(0.0)), 0, 1))
    return (255 * share).astype(np.uint8)
