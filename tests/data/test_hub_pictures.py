"""Data sets of the Hub, from a Hub of our own on loop-back with a small parquet set."""

import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from resnet_demo.data.hub_pictures import (
    HubData,
    parquet_splits,
    rows_of,
    write_picture,
    write_rows,
)
from resnet_demo.errors import UserError
from tests.commands import command

NAMES = ["cat", "dog/wolf"]
FIELDS = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}


def parquet(path: Path, count: int, seed: int, fields: dict = FIELDS) -> None:
    """As the `datasets` library writes it: encoded pictures and numbers, names in the metadata."""
    random = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        data = io.BytesIO()
        Image.fromarray(random.integers(0, 255, (20, 24, 3)).astype(np.uint8)).save(data, "PNG")
        rows.append({"image": {"bytes": data.getvalue(), "path": None}, "label": index % 2})
    table = pa.Table.from_pylist(rows)
    about = {b"huggingface": json.dumps({"info": {"features": fields}}).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(about), path, row_group_size=7)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "hub/datasets/me/pets"
    parquet(folder / "data/train-00000-of-00002.parquet", 20, 0)
    parquet(folder / "data/train-00001-of-00002.parquet", 20, 1)
    parquet(folder / "data/validation-00000-of-00001.parquet", 10, 2)
    parquet(folder / "data/test-00000-of-00001.parquet", 6, 3)
    return folder


@pytest.fixture
def train(hub: dict[str, str], home):
    def trained(data: str, *options: str, **more: str) -> subprocess.CompletedProcess:
        words = ["train", f"--data={data}", "--arch=resnet8", "--px=16", "--start-px=16"]
        words += ["--epochs=1", "--batch-size=8", f"--home={home.path}", "--json", *options]
        return command({**hub, **more}, *words)

    return trained


def test_a_parquet_set_is_trained_on_at_a_pinned_revision(train, repo: Path, home, handler) -> None:
    done = train("hub:me/pets")
    assert done.returncode == 0, done.stderr
    report = json.loads(home.run("0001").report.read_text())
    assert (report["n"], report["classes"]) == (10, ["cat", "dog-wolf"])
    asked = len(handler.asked)
    for path in repo.rglob("*.parquet"):
        path.unlink()  # what is here is not fetched again
    done = train(f"hub:me/pets@{'2' * 40}", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert len(handler.asked) == asked


def test_a_network_that_has_learned_goes_on_with_pictures_that_are_not_here_yet(
    train, repo: Path, home
) -> None:
    done = train("hub:me/pets", "--init=bundled:resnet56", "--arch=resnet56")
    assert done.returncode == 0, done.stderr
    assert json.loads(home.run("0001").report.read_text())["classes"] == ["cat", "dog-wolf"]


def test_folders_of_pictures_are_taken_as_they_are(train, tmp_path: Path, home) -> None:
    for split, count in (("train", 8), ("test", 4)):
        for name in ("cat", "dog"):
            for index in range(count):
                path = tmp_path / f"hub/datasets/me/files/{split}/{name}/{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (20, 20), (index, 2 * index, 3)).save(path)
    done = train("hub:me/files")
    assert done.returncode == 0, done.stderr
    assert json.loads(home.run("0001").report.read_text())["n"] == 8


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("hub:me/nothing", "has no repository for hub:me/nothing"),
        ("hub:../../etc", "not of the form hub:USER/NAME"),
        ("hub:me/text", "neither parquet files nor folders of pictures"),
        ("hub:me/columns", "no column of pictures or none of labels: image, label"),
        ("hub:me/broken", "cannot be read"),
        ("hub:me/features", "cannot be read"),
    ],
)
def test_what_cannot_be_had_is_said_and_nothing_is_left(
    data: str, says: str, train, tmp_path: Path, home
) -> None:
    place = tmp_path / "hub/datasets/me"
    (place / "text").mkdir(parents=True)
    (place / "text/readme.txt").write_text("no")
    parquet(place / "columns/train.parquet", 4, 0, {"image": {"_type": "Value"}})
    table = pq.read_table(place / "columns/train.parquet").rename_columns(["image", "text"])
    pq.write_table(table, place / "columns/train.parquet")
    table = table.replace_schema_metadata({b"huggingface": b"{"})
    (place / "features").mkdir()
    pq.write_table(table, place / "features/train.parquet")
    (place / "broken").mkdir()
    (place / "broken/train.parquet").write_bytes(b"PAR1 no PAR1")
    done = train(data)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert says.replace("image, label", "image, text") in done.stderr, done.stderr
    assert not [*(home.downloads / "hub").glob("*")]


def test_configurations_are_chosen() -> None:
    files = ["a/train-0.parquet", "b/train-0.parquet", "b/test-0.parquet"]
    with pytest.raises(UserError, match="several configurations: a, b"):
        parquet_splits(files, HubData("me/x"))
    chosen = parquet_splits(files, HubData("me/x", config="b"))
    assert chosen == {"train": ["b/train-0.parquet"], "val": ["b/test-0.parquet"]}
    assert parquet_splits(["train/0.parquet"], HubData("me/x")) == {"": ["train/0.parquet"]}


def test_references_are_taken_apart() -> None:
    for text in ("me/pets", "me/pets@abc", "me/pets:small", "me/pets@abc:small"):
        assert str(HubData.parse(text)) == f"hub:{text}"


@pytest.mark.parametrize("name", ["/train/cat/1.png", "../../cat/1.png", "a/../../../cat/1.png"])
def test_no_name_of_a_file_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "source.png", tmp_path / "inside" / "folder"
    source.write_bytes(b"a picture")
    write_picture(source, name, folder, 0, HubData("me/x"))
    written = [path for path in tmp_path.rglob("1.png") if path.is_file()]
    assert written and all(path.is_relative_to(folder) for path in written)


def test_rows_that_nobody_has_labelled_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "test.parquet"
    parquet(path, 6, 0)
    table = pq.read_table(path)
    kept_back = table.set_column(1, "label", pa.array([0, -1, 1, -1, None, 0]))
    pq.write_table(kept_back.replace_schema_metadata(table.schema.metadata), path)
    assert [label for label, _ in rows_of(path, HubData("me/pets"))] == ["cat", "dog/wolf", "cat"]


def test_two_classes_that_would_share_a_folder_are_refused(tmp_path: Path) -> None:
    """Merged they would be one class, and nobody would know."""
    path = tmp_path / "train.parquet"
    kind = {"_type": "ClassLabel", "names": ["dog-wolf", "dog/wolf"]}
    parquet(path, 2, 0, FIELDS | {"label": kind})
    with pytest.raises(UserError, match="'dog-wolf' and 'dog/wolf' make the same folder"):
        write_rows(path, path.name, tmp_path / "folder", 0, HubData("me/pets"))
