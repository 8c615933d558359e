"""`python -m bench NAME [--data DATA]`: one measurement; its JSON is printed and kept.

One that takes hours yields what it has so far, each time that there is more: if it is ended, that
is not lost. Since it may go on elsewhere, it tells the machine of each part itself.
"""

import argparse
import importlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.files import Json, write_whole
from resnet_demo.refs import DataRef

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--data", default="shapes", help="DATA, e.g. folder:../imagenette2-224")
    parser.add_argument("--home", help="keep caches and runs here; else in a temporary place")
    args = parser.parse_args()
    try:
        print(measured(args.name, args.data, args.home))
    except UserError as error:
        parser.error(str(error))


def measured(name: str, given: str, home: str | None) -> str:
    """The last result, as kept. Raises UserError for data that is not there and for a run that
    somebody ended."""
    data = DataRef.parse(given).shown  # a result names no folder of this machine
    measure = importlib.import_module(f"bench.{name}").measure
    with tempfile.TemporaryDirectory() as place:
        found = measure(given, Path(home or place).resolve())
        parts = found if isinstance(found, Iterator) else [found]
        return [keep(name, data, part) for part in parts][-1]


def keep(name: str, data: str, found: Json) -> str:
    from resnet_demo.device import describe_machine

    text = json.dumps({"machine": describe_machine(), **found, "data": data}, indent=1)
    write_whole(HERE / "results" / f"{name}.json", lambda file: file.write(f"{text}\n".encode()))
    return text


if __name__ == "__main__":
    main()
