"""Guess first: what a person expects of a lab, held against what it showed. Imports no torch."""

from dataclasses import dataclass
from statistics import mean

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.lab.paper import PLAIN_SOURCE, marks
from resnet_demo.lab.summary import Row, depths_of, train_errors
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


def questions(rows: list[Row]) -> Json:
    """What is asked of a lab: {plain, residual, place: the answers to choose from, depths: [{depth,
    why_not}], chosen, note}."""
    depths = depths_of(rows)
    ends = [f"{depth} layers" for depth in (depths[:1] + depths[-1:] if len(depths) > 1 else [])]
    return {
        "plain": [*ends, EQUAL],
        "residual": [*ends, EQUAL],
        "place": list(PLACES),
        "depths": [
            {"depth": depth, "why_not": "" if depth in BETWEEN else NOT_A_DEPTH}
            for depth in sorted((*BETWEEN, 35))
        ],
        "chosen": next((depth for depth in BETWEEN if depth in depths), 44),
        "note": f"The article proposes 35. {NOT_A_DEPTH}",
    }


def compare(guess: Json, rows: list[Row], classes: list[str] | None = None) -> list[Answer]:
    """guess: {plain, residual: "20 layers" or EQUAL, depth: one of BETWEEN, place: of PLACES};
    rows of finished runs; classes of their pictures. Raises UserError for a depth or a place that
    was not asked."""
    depth, place = guess.get("depth"), guess.get("place")
    if depth not in BETWEEN or place not in PLACES:
        raise UserError(f"{NOT_A_DEPTH} Choose one of {', '.join(map(str, BETWEEN))} and a place.")
    answer, note = in_between(depth, rows, marks(classes)["plain"])
    question = f"A plain network of {depth} layers ends"
    return [
        lower("plain", str(guess.get("plain")), rows),
        lower("residual", str(guess.get("residual")), rows),
        Answer(question, place, answer, None if answer is None else answer == place, note),
    ]


def lower(kind: str, guessed: str, rows: list[Row]) -> Answer:
    question = f"Of the {kind} networks the lower training error has"
    difference = effect(rows, kind == "residual", 0.0)
    if difference is None:
        return Answer(question, guessed, None, None)
    shallow, deep = difference.depths
    best = f"{shallow if difference.points > 0 else deep} layers"
    if abs(difference.points) <= WITHIN:
        best = EQUAL
    return Answer(question, guessed, best, guessed == best, f"{difference.points:+.1f} points")


def in_between(depth: int, rows: list[Row], paper: dict[int, float]) -> tuple[str | None, str]:
    """Where this lab puts the depth, or else the paper's figure."""
    errors = {
        known: mean(train_errors(rows, False, known).values()) for known in depths_of(rows, False)
    }
    ends = (min(errors), max(errors)) if errors else (0, 0)
    if depth in errors and ends[0] < depth < ends[1]:
        return place_of(errors[depth], errors[ends[0]], errors[ends[1]]), "in this lab"
    if depth in paper:
        place = place_of(paper[depth], paper[20], paper[56])
        return place, f"this lab has no such network; test error {PLAIN_SOURCE}"
    return None, f"nothing here has {depth} layers; start a lab with 20, {depth}, 56"


def place_of(error: float, *ends: float) -> str:
    return PLACES[0] if error < min(ends) else PLACES[2] if error > max(ends) else PLACES[1]
