"""Machines of the Hub for rent (Jobs), with a sentence for whatever goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from resnet_demo.errors import UserError
from resnet_demo.export.hub_folder import NO_TOKEN, why_not
from resnet_demo.fetching import no_long_waits

if TYPE_CHECKING:
    from huggingface_hub._jobs_api import JobStatus

IMAGE = "python:3.12"  # what a machine starts with
AT_WORK = ("SCHEDULING", "RUNNING")  # stages of a job that has not ended
AN_HOUR = {"second": 3600, "minute": 60, "hour": 1}  # by what a price is for
REFUSED = {  # by the Hub's status
    400: "The Hub cannot rent this to {} (status 400): {}",
    401: "The Hub does not know this token. Make one that may write, and log in with it.",
    402: "{} has no credit left: machines are paid in advance, in the Hub's billing settings.",
    403: "This token may not rent machines for {}. Give it the right to start jobs.",
    404: "The Hub knows no such job of {}.",
    429: "The Hub was asked too often. Ask for {} again in some minutes.",
}
UNREACHED = "The Hub cannot be reached, so nothing is known of its machines."
T = TypeVar("T")


@dataclass(frozen=True)
class Hardware:
    """What may be rented."""

    flavor: str  # its name for the Hub, e.g. "t4-small"
    says: str
    dollars_an_hour: float

    def price(self, hours: float) -> str:
        at_most = self.dollars_an_hour * hours
        return f"${self.dollars_an_hour:.2f} an hour, at most ${at_most:.2f} for {hours:g} h"


def hardware() -> list[Hardware]:
    """The cheapest first. Raises UserError."""
    from huggingface_hub import HfApi

    machines = []
    for each in asked("you", HfApi().list_jobs_hardware):
        parts = [each.pretty_name, f"{each.cpu} and {each.ram}"]
        if each.accelerator is not None:
            parts.append(f"{each.accelerator.quantity} x {each.accelerator.model}")
        if each.unit_label in AN_HOUR:  # else nobody can be told what it costs
            hourly = each.unit_cost_usd * AN_HOUR[each.unit_label]
            machines.append(Hardware(each.name, ", ".join(parts), hourly))
    return sorted(machines, key=lambda machine: machine.dollars_an_hour)


def rent(
    owner: str, flavor: str, hours: float, script: str, environment: dict[str, str], name: str
) -> str:
    """Start `script` (bash) on a machine that `owner` pays; returns the job. told: environment.
    The script has this machine's token as HF_TOKEN. Raises UserError."""
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if not token:
        raise UserError(NO_TOKEN)
    job = asked(
        owner,
        lambda: HfApi().run_job(
            image=IMAGE, command=["bash", "-c", script], env=environment,
            secrets={"HF_TOKEN": token}, flavor=flavor, timeout=round(hours * 3600),
            namespace=owner, name=name,
        ),
    )  # fmt: skip
    return str(job.id)


def stage(owner: str, job: str) -> tuple[str, str]:
    """How far it is (one of AT_WORK, or how it ended), and what the Hub says; one that the Hub
    has forgotten has ended. Raises UserError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    def look() -> "JobStatus | None":
        try:
            return HfApi().inspect_job(job_id=job, namespace=owner).status
        except HfHubHTTPError as error:
            if error.response.status_code == 404:
                return None
            raise

    status = asked(owner, look)
    if status is None:
        return "DELETED", "and the Hub does not know it any more"
    return str(getattr(status.stage, "value", status.stage)), status.message or ""


def cancel(owner: str, job: str) -> None:
    """Raises UserError."""
    from huggingface_hub import HfApi

    asked(owner, lambda: HfApi().cancel_job(job_id=job, namespace=owner))


def asked(owner: str, ask: Callable[[], T]) -> T:
    try:
        with no_long_waits():
            return ask()
    except Exception as error:
        raise UserError(why_not(error, owner, REFUSED, UNREACHED)) from None
