"""Downloads from the Hub: short waits, and a sentence for whatever goes wrong."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from resnet_demo.errors import UserError

KNOCK_SECONDS = 3.0
T = TypeVar("T")
What = Literal["weights", "pictures", "mirror"]
AWAY: dict[What, str] = {
    "weights": "The weights of {} are not on this machine and the Hub cannot be reached. Go online "
    "once, or choose what is here: bundled or run:ID.",
    "pictures": "The pictures of {} are not on this machine and the Hub cannot be reached. Go "
    "online once, or choose what is here: shapes or folder:PATH.",
    "mirror": "The mirror {} cannot be asked: the Hub cannot be reached. Ask again when you are "
    "online.",
}
LACKING: dict[What, str] = {
    "weights": "{} lacks model.safetensors or config.json.",
    "pictures": "A file of {} is gone from the Hub. Try again.",
    "mirror": "A file of {} is gone from the Hub. Try again.",
}


def from_the_hub(reference: str, fetch: Callable[[], T], what: What = "weights") -> T:
    """Whatever can go wrong on the way, as a sentence. what: that is fetched."""
    from huggingface_hub.errors import HFValidationError

    try:
        with no_long_waits():
            return fetch()
    except HFValidationError:
        raise UserError(f"'{reference[:80]}' is not of the form hub:USER/REPO.") from None
    except Exception as error:
        reason = why(error, reference, what)
        if reason is None:
            raise
        raise UserError(reason) from None


@contextmanager
def no_long_waits() -> Iterator[None]:
    """Where the Hub does not answer a knock, only what is on this machine is looked at: its
    library would try five times before it gives up. Whoever finds it so already, by a person's
    wish or another thread's, leaves it so: threads that overlap never leave it for good."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or answers(constants.ENDPOINT):
        yield
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False


def answers(endpoint: str) -> bool:
    from huggingface_hub.utils import httpx

    try:
        httpx.head(endpoint, timeout=KNOCK_SECONDS)
    except httpx.HTTPError:
        return False
    return True


STATUS = {
    401: "The Hub has no repository for {}, or it is private: then set HF_TOKEN.",
    403: "{} is gated: accept its terms on its page of the Hub, and set HF_TOKEN (status 403).",
    404: "The Hub has no repository for {}, or it is private.",
    429: "The Hub was asked too often (status 429). Ask for {} again in some minutes.",
}  # fmt: skip
DISK = {
    errno.ENOSPC: "The disk is full: there is no room for {}. Make room.",
    errno.EACCES: "The Hub's cache cannot be written to for {}. Allow it, or set HF_HOME.",
    errno.EPERM: "The Hub's cache cannot be written to for {}. Allow it, or set HF_HOME.",
    errno.EROFS: "The Hub's cache cannot be written to for {}. Allow it, or set HF_HOME.",
}


def why(error: BaseException, reference: str, what: What) -> str | None:
    """One sentence; None for what did not come from the way to the Hub."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )
    from huggingface_hub.utils import httpx

    chain = list(causes(error))
    status = status_of(chain)
    if any(isinstance(each, GatedRepoError) for each in chain):
        status = 403
    missing = isinstance(error, EntryNotFoundError)
    if missing and not isinstance(error, LocalEntryNotFoundError):
        return LACKING[what].format(reference)
    if status in STATUS:
        return STATUS[status].format(reference)
    if status and status >= 500:
        return f"The Hub has trouble of its own (status {status}). Try {reference} again later."
    numbers = [getattr(each, "errno", None) for each in chain]
    disk = next((number for number in numbers if number in DISK), None)
    if disk is not None:
        return DISK[disk].format(reference)
    if "onsistency check" in str(error) or "IncompleteRead" in str(error):
        return f"The download of {reference} broke off. Try again."
    if isinstance(error, OfflineModeIsEnabled | httpx.HTTPError | OSError):
        return AWAY[what].format(reference)
    return None


def status_of(chain: list[BaseException]) -> int:
    """Of the answer that an exception or one of its causes carries; 0 without one."""
    statuses = [getattr(getattr(each, "response", None), "status_code", None) for each in chain]
    return next(filter(None, statuses), 0)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
