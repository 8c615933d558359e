"""The sub-command about one's own pictures: bring them in, see what there is."""

import argparse
from collections.abc import Callable

from resnet_demo.cli.output import Answer, say
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.config import Home
from resnet_demo.data.importing import import_path
from resnet_demo.data.library import Library, tables
from resnet_demo.data.sources import explained
from resnet_demo.errors import UserError

FORMS = "dataset import NAME PATH, dataset list, dataset show DATA, dataset delete NAME"
WORDS = {"import": 2, "list": 0, "show": 1, "delete": 1}  # that each action takes


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=tuple(WORDS))
    parser.add_argument("words", nargs="*", metavar="NAME|DATA [PATH]", help=FORMS)
    parser.add_argument(
        "--labels",
        default="folders",
        help="folders, prefix (cat_001.jpg), table (one FILE.csv there: file,label) or FILE.csv",
    )


def dataset(args: argparse.Namespace) -> Answer:
    """own pictures: a folder, ZIP or TAR becomes dataset:NAME"""
    if len(args.words) != WORDS[args.action]:
        raise UserError(f"Write it as one of: {FORMS}.")
    home = Home.find(args.home)
    home.make()
    actions: dict[str, Callable[..., Answer]] = {
        "import": take,
        "list": list_,
        "show": show,
        "delete": delete,
    }
    return actions[args.action](args, home, *args.words)


def take(args: argparse.Namespace, home: Home, name: str, path: str) -> Answer:
    with ProgressBars() as bars:
        answer = bars.follow(import_path(home, name, path, args.labels))
    say(args, answer["sentence"])
    for line in table_lines(answer):
        say(args, line)
    say(args, f"Train on them: python -m resnet_demo train --data dataset:{name}")
    return answer


def table_lines(answer: Answer) -> list[str]:
    return [f"  {row['name']:30} {row['n']:>7,}" for row in answer["classes"]]


def list_(args: argparse.Namespace, home: Home) -> Answer:
    found = tables(home)
    for table in found:
        say(args, f"{table['data']}  {holds(table)}")
    if not found:
        say(args, "No data sets yet. Bring one in: python -m resnet_demo dataset import NAME PATH")
    return {"datasets": found}


def holds(table: Answer) -> str:
    if "damaged" in table:
        return table["damaged"]
    count = sum(row["n"] for row in table["classes"])
    unfinished = ", unfinished" if table["unfinished"] else ""
    return f"{len(table['classes'])} classes, {count:,} pictures{unfinished}"


def show(args: argparse.Namespace, home: Home, data: str) -> Answer:
    answer = explained(data, home)
    say(args, f"{answer['data']}: {answer['train']:,} pictures to train, {answer['val']:,} to "
        f"validate, {len(answer['classes'])} classes.")  # fmt: skip
    for line in table_lines(answer):
        say(args, line)
    if answer["note"]:
        say(args, answer["note"])
    return answer


def delete(args: argparse.Namespace, home: Home, name: str) -> Answer:
    Library(home, name).delete()
    text = f"The data set {name} is deleted."
    say(args, text)
    return {"name": name, "answer": text}
