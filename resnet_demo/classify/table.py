"""What a network said of many pictures, as a table for other programs. Imports no torch."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from resnet_demo.files import Json

TOP = 5  # classes that are named of a picture


def csv_text(rows: Iterable[Json], top: int = TOP) -> str:
    """A line a picture, as `classify` answered: its most probable classes, or why it was
    refused."""
    text = io.StringIO()
    writer = csv.writer(text)
    places = range(1, top + 1)
    writer.writerow(
        ["picture", *(f"{what}_{n}" for n in places for what in ("class", "probability"))]
        + ["unlike", "ms", "error"]
    )
    writer.writerows(cells(row, top) for row in rows)
    return text.getvalue()


def cells(row: Json, top: int) -> Iterator[Any]:
    guesses = row.get("top", [])
    yield escape_formula(row["path"])
    for place in range(top):
        guess = guesses[place] if place < len(guesses) else {"class": "", "probability": ""}
        yield from (escape_formula(guess["class"]), guess["probability"])
    yield from (row.get("unlike"), row.get("ms"), row.get("error"))


def escape_formula(text: str) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
