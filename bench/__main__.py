"""`python -m bench NAME [--data DATA]`: one measurement; its JSON is printed and kept.

One that takes hours yields what it has so far, each time that there is more: if it is ended, that
is not lost.
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
    parser.add_argument("--home", help="keep caches here; a temporary folder when not given")
    args = parser.parse_args()
    try:
        data = DataRef.parse(args.data).shown  # a result names no folder of this machine
    except UserError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as place:
        home = Path(args.home or place).resolve()
        measured = importlib.import_module(f"bench.{args.name}").measure(args.data, home)
        for found in measured if isinstance(measured, Iterator) else [measured]:
            text = keep(args.name, data, found)
    print(text)


def keep(name: str, data: str, found: Json) -> str:
    from resnet_demo.device import describe_machine

    text = json.dumps({**found, "data": data, "machine": describe_machine()}, indent=1)
    write_whole(HERE / "results" / f"{name}.json", lambda file: file.write(f"{text}\n".encode()))
    return text


if __name__ == "__main__":
    main()
