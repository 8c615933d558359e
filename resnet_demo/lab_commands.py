"""The sub-command `lab`: experiments of the paper, and what can be measured of their networks."""

import argparse

from resnet_demo.config import Home, UserError
from resnet_demo.progress import ProgressBars
from resnet_demo.sentences import Answer, lab_lines, landscape_lines, ratio_lines, say


def lab(args: argparse.Namespace) -> Answer:
    """experiments: degradation, initialisation, landscape (loss around a lab's networks)"""
    home = Home.find(args.home)
    home.make()
    return EXPERIMENTS[args.experiment](args, home)


def initialisation(args: argparse.Namespace, home: Home) -> Answer:
    """gradients by depth before any training"""
    from resnet_demo.lab.initialisation import run

    with ProgressBars() as bars:
        answer = bars.follow(run(args.data, home))
    for line in ratio_lines(answer["rows"]):
        say(args, line)
    return answer


def degradation(args: argparse.Namespace, home: Home) -> Answer:
    """plain against residual networks, trained side by side in equal steps"""
    from resnet_demo.lab import labs, protocols
    from resnet_demo.lab.degradation import estimate, record
    from resnet_demo.lab.race import finish, race

    with ProgressBars() as bars:
        if args.lab:
            found = labs.open_lab(home, args.lab)
        else:
            depths = protocols.depths_in(args.depths)
            configs = protocols.configs(args.protocol, args.data, home, depths, args.seeds)
            expected = bars.follow(estimate(configs, home))
            say(args, expected["sentence"])
            if args.estimate:
                return expected
            found = labs.create(home, args.protocol, configs)
            say(args, f"Lab {found.lab}: runs {found.runs[0]} to {found.runs[-1]}. Watch it with "
                f"`python app.py`; go on with `lab degradation --lab {found.lab}`.")  # fmt: skip
        try:
            race(home, found, bars)
        except KeyboardInterrupt:
            say(args, f"Lab {found.lab} is kept; go on with `lab degradation --lab {found.lab}`.")
            raise
        bars.follow(finish(home, found))
    answer = record(home, found)
    for line in lab_lines(answer):
        say(args, line)
    return answer


def landscape(args: argparse.Namespace, home: Home) -> Answer:
    """loss around the deepest plain and residual networks of a lab"""
    from resnet_demo.lab import labs
    from resnet_demo.lab.landscape import landscape as measure

    if not args.lab:
        raise UserError("Name the lab whose networks to measure: --lab ID.")
    runs = labs.deepest_pair(home, labs.open_lab(home, args.lab))
    with ProgressBars() as bars:
        found = [bars.follow(measure(home, run)) for run in runs]
    for line in landscape_lines(found):
        say(args, line)
    return {"lab": args.lab, "landscapes": found}


EXPERIMENTS = {
    "degradation": degradation,
    "initialisation": initialisation,
    "landscape": landscape,
}
