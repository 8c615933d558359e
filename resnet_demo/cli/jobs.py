"""The sub-command `jobs`: machines rented from the Hub, and the runs on them."""

import argparse
from collections.abc import Callable
from dataclasses import asdict

from resnet_demo.cli.output import Answer, run_sentence, say
from resnet_demo.cli.runs import add_train_options, config_from, summary
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.export import hub_jobs
from resnet_demo.runs import rented
from resnet_demo.runs.snapshot import row_of

WORDS = {"hardware": 0, "start": 0, "resume": 1, "stop": 1, "list": 0, "fetch": 1}
FORMS = "jobs hardware, jobs start, jobs resume RUN, jobs stop RUN, jobs list, jobs fetch RUN"


def jobs(args: argparse.Namespace) -> Answer:
    """train on a machine rented from the Hub; its run comes back here"""
    if len(args.words) != WORDS[args.action]:
        raise UserError(f"Write it as one of: {FORMS}.")
    home = Home.find(args.home)
    home.make()
    actions: dict[str, Callable[..., Answer]] = {
        "hardware": hardware, "start": start, "resume": resume, "stop": stop, "list": list_,
        "fetch": fetch,
    }  # fmt: skip
    return actions[args.action](args, home, *args.words)


def hardware(args: argparse.Namespace, home: Home) -> Answer:
    offers = hub_jobs.hardware()
    for offer in offers:
        say(args, f"{offer.flavor:16} ${offer.dollars_an_hour:6.2f} an hour  {offer.says}")
    return {"hardware": [asdict(offer) for offer in offers]}


def start(args: argparse.Namespace, home: Home) -> Answer:
    config = config_from(args, home)
    rented.check(config, args.mirror, args.hours)
    if not agreed(args):
        return {}
    run = rented.start(home, config, args.mirror, args.flavor, args.hours, args.save_every)
    say(args, f"Run {run} is on its way to {args.flavor}. Watch it with `python app.py`, fetch it "
        f"with `jobs fetch {run}`, end it with `jobs stop {run}`.")  # fmt: skip
    return summary(home, run)


def resume(args: argparse.Namespace, home: Home, run: str) -> Answer:
    if not agreed(args):
        return {}
    rented.go_on(home, run, args.mirror, args.flavor, args.hours)
    say(args, f"Run {run} goes on at {args.flavor} from its last checkpoint.")
    return summary(home, run)


def agreed(args: argparse.Namespace) -> bool:
    """Nothing is rented before its price was read."""
    if not args.yes:
        price = rented.offer(args.flavor).price(args.hours)
        say(args, f"{args.flavor} costs {price}. Nothing is rented yet: add --yes to rent it.")
    return bool(args.yes)


def stop(args: argparse.Namespace, home: Home, run: str) -> Answer:
    text = rented.stop(home, run)
    say(args, text)
    return {"run": run, "answer": text}


def list_(args: argparse.Namespace, home: Home) -> Answer:
    runs = []
    for run in rented.away(home):
        try:
            runs.append(fetched(home, run))
        except UserError as error:  # it hides no other
            runs.append(asdict(row_of(home.run(run))) | {"message": str(error)})
        say(args, run_sentence(runs[-1]))
    if not runs:
        say(args, "No run is on a rented machine. Start one: jobs start --flavor NAME --mirror "
            "hub:USER/REPO")  # fmt: skip
    return {"runs": runs}


def fetch(args: argparse.Namespace, home: Home, run: str) -> Answer:
    answer = fetched(home, run)
    say(args, run_sentence(answer))
    return answer


def fetched(home: Home, run: str) -> Answer:
    rented.refresh(home, run)
    return summary(home, run)


def add_jobs_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=tuple(WORDS))
    parser.add_argument("words", nargs="*", metavar="RUN")
    parser.add_argument("--flavor", default="t4-small", help="the machine; see jobs hardware")
    parser.add_argument("--hours", type=float, default=2.0, help="after which it ends; default 2")
    parser.add_argument(
        "--mirror", default="", help="hub:USER/REPO that the run goes to and comes back by"
    )
    parser.add_argument(
        "--save-every", type=float, default=rented.SAVE_EVERY,
        help="seconds between two snapshots; default 60 (the Hub takes 128 an hour)",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="rent it: the price is known")
    add_train_options(parser)
