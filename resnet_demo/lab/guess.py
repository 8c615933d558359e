"""Guess first: what a person expects of a lab, held against what it showed. Imports no torch."""

from dataclasses import dataclass
from statistics import mean

from resnet_demo.config import UserError
from resnet_demo.lab.paper import PLAIN_ERROR, PLAIN_SOURCE
from resnet_demo.lab.summary import Row, select
from resnet_demo.lab.verdict import WITHIN, effect

BETWEEN = (32, 38, 44)  # depths of section 4.2 between 20 and 56
PLACES = ("lower than both", "between the two", "higher than both")
NOT_A_DEPTH = (
    "35 layers cannot be built: 3 stages of n blocks of 2 layers, the first layer and the "
    "classifier make 6n + 2."
)
EQUAL = "equal to a point"


@dataclass(frozen=True)
class Answer:
    """A question with what was guessed and what was found; found is None before the end."""

    question: str
    guessed: str
    found: str | None
    right: bool | None
    note: str = ""


def compare(guess: dict[str, object], rows: list[Row]) -> list[Answer]:
    """guess: {plain, residual: "20 layers" or EQUAL, depth: one of BETWEEN, place: of PLACES};
    rows of finished runs. Raises UserError for a depth or a place that was not asked."""
    depth, place = guess.get("depth"), guess.get("place")
    if depth not in BETWEEN or place not in PLACES:
        raise UserError(f"{NOT_A_DEPTH} Choose one of {', '.join(map(str, BETWEEN))} and a place.")
    found, note = in_between(depth, rows)
    question = f"A plain network of {depth} layers ends"
    return [
        lower("plain", str(guess.get("plain")), rows),
        lower("residual", str(guess.get("residual")), rows),
        Answer(question, place, found, found and found == place, note),
    ]


def lower(kind: str, guessed: str, rows: list[Row]) -> Answer:
    question = f"Of the {kind} networks the lower training error has"
    depths = effect(rows, kind == "residual")
    if depths is None:
        return Answer(question, guessed, None, None)
    shallow, deep = depths.depths
    best = f"{shallow if depths.points > 0 else deep} layers"
    if abs(depths.points) <= WITHIN:
        best = EQUAL
    return Answer(question, guessed, best, guessed == best, f"{depths.points:+.1f} points")


def in_between(depth: int, rows: list[Row]) -> tuple[str | None, str]:
    """Where this lab puts the depth, or else the paper's figure."""
    errors = {
        known: mean(row["train_error"] for row in select(rows, False, known))
        for known in {row["depth"] for row in select(rows, False)}
    }
    ends = (min(errors), max(errors)) if errors else (0, 0)
    if depth in errors and ends[0] < depth < ends[1]:
        return place_of(errors[depth], errors[ends[0]], errors[ends[1]]), "in this lab"
    if depth in PLAIN_ERROR:
        found = place_of(PLAIN_ERROR[depth], PLAIN_ERROR[20], PLAIN_ERROR[56])
        return found, f"this lab has no such network; test error {PLAIN_SOURCE}"
    return None, f"neither this lab nor the paper has {depth} layers; start one with 20,{depth},56"


def place_of(error: float, *ends: float) -> str:
    return PLACES[0] if error < min(ends) else PLACES[2] if error > max(ends) else PLACES[1]
