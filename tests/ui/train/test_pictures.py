"""My pictures, as programs and strangers ask for them."""

from pathlib import Path

import httpx
import pytest

from resnet_demo.config import Home
from resnet_demo.data.library import Library, names_of
from resnet_demo.errors import UserError
from resnet_demo.images.decoder import Decoders
from resnet_demo.ui.train.correcting import correct, pictures_of, put, table
from resnet_demo.ui.train.pictures import known_data, take_in


def test_loose_pictures_get_the_class_that_is_named(pictures: Path, home: Home) -> None:
    for label in ("red", "blue"):
        files = [str(path) for path in (pictures / "train" / label).iterdir()]
        answer = take_in(home, "mine", files, label, "folders")
    assert answer["classes"] == [{"name": "blue", "n": 12}, {"name": "red", "n": 12}]
    assert correct(home, "mine", "blue", "")["classes"] == [{"name": "red", "n": 12}]


def test_a_picture_is_looked_at_moved_and_removed(pictures: Path, home: Home) -> None:
    for label in ("red", "blue"):
        files = [str(path) for path in (pictures / "train" / label).iterdir()]
        take_in(home, "mine", files, label, "folders")
    (first, pixels, _), (second, *_), *_ = pictures_of(home, Decoders().decode, "mine", "red")
    assert pixels[..., 0].mean() > pixels[..., 2].mean() and pixels.shape[0] == pixels.shape[1]
    assert put(home, "mine", first, "blue")["classes"] == [
        {"name": "blue", "n": 13},
        {"name": "red", "n": 11},
    ]
    assert put(home, "mine", second, "")["classes"][1] == {"name": "red", "n": 10}
    for digest, says in (("", "Choose a picture"), ("../../etc", "no such picture")):
        with pytest.raises(UserError, match=says):
            put(home, "mine", digest, "")
    assert sum(row["n"] for row in Library(home, "mine").open().table()["classes"]) == 23


def test_a_picture_that_is_gone_is_shown_as_such_among_the_others(
    pictures: Path, home: Home
) -> None:
    files = [str(path) for path in (pictures / "train" / "red").iterdir()]
    take_in(home, "mine", files, "red", "folders")
    library = Library(home, "mine")
    (gone, _), *_ = library.pictures_of("red", 1)
    library.picture(gone).unlink()
    (first, grey, called), (_, red, _), *_ = pictures_of(home, Decoders().decode, "mine", "red")
    assert first == gone and called.endswith("(cannot be read)")
    assert len({*grey.reshape(-1)}) == 1 and red[..., 0].mean() > red[..., 2].mean()
    put(home, "mine", gone, "")
    assert library.counts() == {"red": 11}


def test_a_table_of_the_servers_is_not_read(pictures: Path, home: Home) -> None:
    files = [str(path) for path in (pictures / "train/red").iterdir()]
    with pytest.raises(UserError, match="labels"):
        take_in(home, "mine", files, "", "/etc/labels.csv")
    assert names_of(home) == []


def test_names_are_never_read_as_html() -> None:
    answer = {"sentence": "<b>", "classes": [{"name": "<i>", "n": 1}]}
    answer["refused"] = [{"name": "<u>", "reason": "<s>"}]
    shown = table(answer)
    assert not any(tag in shown for tag in ("<b>", "<i>", "<u>", "<s>"))


def test_visitors_bring_nothing_in_and_see_nothing(serve, tmp_path: Path) -> None:
    server = serve(RESNET_DEMO_PUBLIC="1")
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for action in ("import", "list", "show", "delete"):
            given = [action, "mine", [], "", "folders", ""]
            event = client.post("/gradio_api/call/dataset", json={"data": given}).json()["event_id"]
            assert "event: error" in client.get(f"/gradio_api/call/dataset/{event}").text
    assert names_of(Home(server.home)) == []


def test_own_data_sets_are_offered_again_but_not_to_strangers(pictures: Path, home: Home) -> None:
    files = [str(path) for path in (pictures / "train" / "red").iterdir()]
    take_in(home, "mine", files, "red", "folders")
    assert known_data(home, owner=True)[-1] == "dataset:mine"
    assert "dataset:mine" not in known_data(home, owner=False)
