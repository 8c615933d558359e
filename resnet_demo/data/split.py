"""Which pictures of each class are kept apart for validation where nobody said so."""

from collections import Counter
from collections.abc import Sequence

from resnet_demo.errors import UserError

ONE_IN = 5  # pictures of a class that are kept apart


def place_of(digest: bytes) -> float:
    """Of a picture, in 0..1, the same on every machine. digest: SHA-256 of its name or bytes."""
    return digest[0] / 255


def kept_apart(places: Sequence[float], labels: Sequence[int]) -> list[bool]:
    """Decided by each picture's own place, so that it keeps its side when others are added; in a
    class where all would fall on one side, the one that comes nearest to the other goes there."""
    of_class: dict[int, list[tuple[float, int]]] = {}
    for index, (place, label) in enumerate(zip(places, labels)):
        of_class.setdefault(label, []).append((place, index))
    val: set[int] = set()
    for same in of_class.values():
        count = sum(place < 1 / ONE_IN for place, _ in same)
        val |= {index for _, index in sorted(same)[: min(max(count, 1), len(same) - 1)]}
    return [index in val for index in range(len(places))]


def check_enough(classes: Sequence[str], labels: Sequence[int], where: object) -> None:
    """Raises UserError for a class that cannot be on both sides."""
    counts = Counter(labels)
    single = [name for label, name in enumerate(classes) if counts[label] == 1]
    if single:
        raise UserError(
            f"Class {', '.join(single[:3])} in {where} has one picture: two are needed, one to "
            f"train and one to validate. Add some, or give a val folder."
        )
