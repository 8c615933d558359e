"""What a run measured, as a file for other programs: `export run:ID --format csv|tensorboard`."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.errors import UserError, writing
from resnet_demo.files import Json, write_whole
from resnet_demo.refs import ModelRef
from resnet_demo.runs.control import run_folder
from resnet_demo.runs.store import Store

Rows = dict[int, dict[str, float]]  # step -> name of the measurement -> value


def export_curves(home: Home, model: str, format: str, out: Path) -> Json:
    """Every measurement of a run, by step. Raises UserError when there is no such run, or `out`
    exists already or cannot be written."""
    run = ModelRef.parse(model).run
    if run is None:
        raise UserError(f"Only a run has curves: run:ID. Got {model}.")
    if out.exists():
        raise UserError(f"{out} exists already. Choose another place with --out.")
    with Store(run_folder(home, run)) as store:
        rows = rows_of(store)
    if not rows:
        raise UserError(f"Run {run} has measured nothing yet.")
    with writing(out):
        CURVE_FORMATS[format](rows, out)
    names = sorted({name for row in rows.values() for name in row})
    return {"model": model, "format": format, "path": str(out), "steps": max(rows), "names": names}


def rows_of(store: Store) -> Rows:
    rows: Rows = {}
    for step, name, value in store.db.execute(
        "SELECT step, name, value FROM metrics ORDER BY step"
    ):
        rows.setdefault(step, {})[name] = value
    return rows


def write_csv(rows: Rows, out: Path) -> None:
    """One line a step; what was not measured at a step is empty."""
    names = sorted({name for row in rows.values() for name in row})
    text = io.StringIO()
    writer = csv.DictWriter(text, ["step", *names])
    writer.writeheader()
    writer.writerows({"step": step, **row} for step, row in rows.items())
    write_whole(out, lambda file: file.write(text.getvalue().encode()))


def write_tensorboard(rows: Rows, folder: Path) -> None:
    """An event file in `folder`, for `tensorboard --logdir`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "TensorBoard's files need one more package: pip install tensorboard"
        ) from None
    with SummaryWriter(str(folder)) as writer:
        for step, row in rows.items():
            for name, value in row.items():
                writer.add_scalar(name, value, step)


CURVE_FORMATS: dict[str, Callable[[Rows, Path], None]] = {
    "csv": write_csv,
    "tensorboard": write_tensorboard,
}
