"""Questions of the Inspect panel: JSON that a stranger may have written."""

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui.access import is_public

LONGEST_TEXT = 300
MOST_PUBLIC_PICTURES = 500  # that a stranger may have measured
Asked = Json


def as_dict(asked: object) -> Asked:
    return asked if isinstance(asked, dict) else {}


def whole(asked: Asked, name: str) -> int:
    """A whole number; -1 for anything else."""
    given = asked.get(name)
    return given if type(given) is int else -1


def text(asked: Asked, name: str) -> str:
    """A stranger's text, cut short; empty for anything else."""
    given = asked.get(name)
    return given.strip()[:LONGEST_TEXT] if isinstance(given, str) else ""


def target_of(asked: Asked) -> str | int | None:
    given = asked.get("target")
    return given if type(given) is int else text(asked, "target") or None


def names(asked: Asked, which: str) -> tuple[str, ...]:
    given = asked.get(which) or []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise UserError(f"{which} must be a list of block names. Got {str(given)[:40]}.")
    return tuple(given)


def how_many(asked: Asked, default: int) -> int:
    n = asked.get("n", default)
    if type(n) is not int:
        raise UserError(f"The number of pictures must be a whole number. Got {str(n)[:20]!r}.")
    if is_public() and n > MOST_PUBLIC_PICTURES:
        raise UserError(f"On a public page at most {MOST_PUBLIC_PICTURES} pictures. Got {n}.")
    return n
