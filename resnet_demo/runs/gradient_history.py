"""The gradient of every block over time, relative to its weights. Imports no torch."""

from resnet_demo.files import Json
from resnet_demo.runs.store import Store

MOST_STEPS = 200


def relative_norms(store: Store, since: int) -> Json:
    """{blocks, steps, values[step][block]}: gradient over weight norm of each block."""
    blocks: list[str] = store.fact("blocks", [])
    gradients = store.metrics([f"param_grad_norm/{block}" for block in blocks], since)
    weights = store.metrics([f"param_norm/{block}" for block in blocks], since)
    by_step: dict[int, list[float | None]] = {}
    for index, block in enumerate(blocks):
        pairs = zip(gradients[f"param_grad_norm/{block}"], weights[f"param_norm/{block}"])
        for (step, gradient), (_, weight) in pairs:
            by_step.setdefault(step, [None] * len(blocks))[index] = round_significant(
                gradient / (weight or 1)
            )
    steps = sorted(by_step)
    steps = steps[:: max(1, len(steps) // MOST_STEPS)]
    return {"blocks": blocks, "steps": steps, "values": [by_step[step] for step in steps]}


def round_significant(value: float) -> float:
    return float(f"{value:.5g}")
