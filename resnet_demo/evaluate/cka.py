"""How alike two networks' blocks are: linear CKA (Kornblith et al. 2019, arXiv 1905.00414)."""

from collections.abc import Generator

import torch
from torch import Tensor

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.sample import sample
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy, walk
from resnet_demo.progress import Progress

MOST_PICTURES = 64  # together in one pass


def compare(
    first: tuple[str, Network], second: tuple[str, Network], data: str, home: Home, n: int = 64
) -> Generator[Progress, None, Json]:
    """Return {model, other, data, n, rows, columns, cka}: cka[i][j] in 0..1 of block rows[i] of
    the first network and columns[j] of the second, on the same pictures.

    Raises UserError for an `n` outside 2 to MOST_PICTURES.
    """
    if not 2 <= n <= MOST_PICTURES:
        raise UserError(f"Blocks are compared on 2 to {MOST_PICTURES} pictures. Got {n}.")
    grams: list[dict[str, Tensor]] = []
    for model, network in (first, second):
        pictures = yield from sample(network, model, data, home, n)
        yield "Comparing blocks", len(grams), 2
        grams.append(centred_grams(network, pictures.images()))
    rows, columns = (list(names) for names in grams)
    table = [[cka(grams[0][a], grams[1][b]) for b in columns] for a in rows]
    about = {"model": first[0], "other": second[0], "data": data, "n": len(pictures)}
    return {**about, "rows": rows, "columns": columns, "cka": table}


def centred_grams(network: Network, images: Tensor) -> dict[str, Tensor]:
    """Of each block's outputs, flattened: (N, N)."""
    with torch.inference_mode():
        steps = walk(anatomy(network.model), images)
        return {step.name: centred_gram(step.out.flatten(1)) for step in steps}


def centred_gram(features: Tensor) -> Tensor:
    """(N, F) -> X X^T with the columns of X centred, (N, N)."""
    centred = features - features.mean(0)
    return (centred @ centred.T).cpu().double()


def cka(gram: Tensor, other: Tensor) -> float:
    """Section 3 of the paper: the cosine of two centred Gram matrices."""
    return float((gram * other).sum() / (gram.norm() * other.norm()).clamp(min=1e-30))
