"""The sub-command `mirror`: what a mirror holds, and how it comes back."""

import argparse
from datetime import datetime

from resnet_demo.cli.output import Answer, say
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.runs.mirror import missing, restore
from resnet_demo.runs.mirror_places import NAME, mirror_at


def mirror(args: argparse.Namespace) -> Answer:
    """runs that a mirror keeps; --restore brings those home that are not here"""
    home, place = Home.find(args.home), mirror_at(args.place)
    away, kept, refused = missing(home, place), [], []
    for name in filter(NAME.fullmatch, sorted(place.names())):
        run, state = "", "away" if name in away else "here"
        if args.restore and name in away and args.only in ("", name):
            try:
                run = restore(home, place, name)
                state = f"brought here as {run}"
            except UserError as error:  # it leaves the others
                refused.append(f"{name}: {error}")
        kept.append({"name": name, "here": name not in away, "run": run})
        say(args, f"{name}  {begun(name)}  {state}")
    if refused:
        raise UserError(" ".join(refused))
    if not kept:
        say(args, f"No runs in {args.place} yet.")
    return {"mirror": args.place, "runs": kept}


def begun(name: str) -> str:
    match = NAME.fullmatch(name)
    when = datetime.fromtimestamp(int(match["created"]) / 1000) if match else None
    return f"begun {when:%Y-%m-%d %H:%M}" if when else ""


def add_mirror_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--restore", action="store_true", help="bring home what is not here")
    parser.add_argument("--only", default="", metavar="NAME", help="of these, the run called so")
