"""What people can mend is told in a sentence; bugs stay exceptions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """One sentence with what is wrong, the value seen, what to do."""


class Busy(UserError):
    """Too many ask at once: nothing was begun. `retry_seconds`: when to ask again."""

    def __init__(self, retry_seconds: int = 5) -> None:
        super().__init__(f"Busy: too many ask at once. Ask again in {retry_seconds} s.")
        self.retry_seconds = retry_seconds


def amount(number: int, noun: str) -> str:
    """ "1 picture", "9,469 pictures"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """ "90 seconds", "4.0 minutes", "14 minutes", "2.5 hours"."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            number = seconds / size
            return f"{number:.{1 if number < 10 else 0}f} {unit}"
    return amount(round(seconds), "second")


def require_one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raises UserError with the choices."""
    if value not in allowed:
        raise UserError(f"There is no {what} '{value}'. Choose one of: {', '.join(allowed)}.")


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """What cannot be written there is a sentence: raises UserError for an OSError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"Cannot write to {out} ({error.strerror or error}). Make room there, or choose "
            f"another place."
        ) from None
