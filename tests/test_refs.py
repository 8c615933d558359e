"""DATA and MODEL: every form that people write means one thing."""

import pytest

from resnet_demo.errors import UserError
from resnet_demo.refs import DATA, DataRef, ModelRef, shown_data, shown_model


@pytest.mark.parametrize("text", [*DATA, "folder:/my/pictures", "folder:with:colon"])
def test_data_is_written_as_it_was_read(text: str) -> None:
    assert str(DataRef.parse(text)) == text


def test_a_folder_shows_its_name_only() -> None:
    assert DataRef.parse("folder:/srv/private/cats").shown == "folder:cats"
    assert shown_data("folder:/srv/private/cats") == "folder:cats"
    assert shown_data("of another version") == "of another version"


def test_a_file_shows_its_name_only() -> None:
    assert shown_model("file:/srv/private/net.safetensors") == "file:net.safetensors"
    for text in ("", "bundled", "run:0001@last", "hub:me/net", "timm:resnet18"):
        assert shown_model(text) == text


def test_what_is_downloaded_is_known() -> None:
    found = {text: DataRef.parse(text).is_downloaded for text in (*DATA, "folder:imagenette")}
    assert [text for text, downloaded in found.items() if not downloaded] == [
        "shapes", "folder:imagenette",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "imagenet", "imagenette:", "cifar10:x", "folder:", "shapes:"])
def test_no_data_has_such_a_name(text: str) -> None:
    with pytest.raises(UserError, match="There is no data"):
        DataRef.parse(text)


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("bundled", ModelRef("bundled")),
        ("bundled:resnet56", ModelRef("bundled", "resnet56")),
        ("run:0001", ModelRef("run", "0001")),
        ("run:0001@3", ModelRef("run", "0001", "3")),
        ("timm:resnet50.a1_in1k", ModelRef("timm", "resnet50.a1_in1k")),
        ("hub:user/repo", ModelRef("hub", "user/repo")),
        ("file:/a@b/c.safetensors", ModelRef("file", "/a@b/c.safetensors")),
        ("scratch:plain20", ModelRef("scratch", "plain20")),
    ],
)
def test_a_model_is_taken_apart_once(text: str, model: ModelRef) -> None:
    assert ModelRef.parse(text) == model


@pytest.mark.parametrize("text", ["", "bundel", "run:", "timm:", "hub:", "file:", "0001"])
def test_no_model_has_such_a_name(text: str) -> None:
    with pytest.raises(UserError, match="There is no model"):
        ModelRef.parse(text)
