"""A dropped picture is decoded once, whatever is made of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.images.decoder import Decoders
from resnet_demo.ui import serving
from resnet_demo.ui.classify.tab import classifying_all, opinion
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import Classifier

NETWORKS = ("scratch:resnet8", "scratch:plain8")


@pytest.fixture
def decoded(home: Home, monkeypatch) -> tuple[Classifier, list[Path]]:
    """What answers, and the pictures that it decoded so far."""
    seen, decode = [], Decoders.decode
    monkeypatch.setattr(
        Decoders, "decode", lambda self, path: seen.append(path) or decode(self, path)
    )
    return Classifier(home), seen


def test_two_networks_a_heat_map_and_inspect_need_one_decode(decoded, tmp_path: Path) -> None:
    classifier, seen = decoded
    path = tmp_path / "picture.png"
    Image.new("RGB", (70, 50), "red").save(path)
    for model in NETWORKS:
        assert "bars" in opinion(classifier, path, model, look=True)
    inspector = Inspector(classifier.home, classifier)
    request = InspectRequest(picture=inspector.put(path), model=NETWORKS[0])
    inspector.look(request)
    inspector.deeper(request)
    assert seen == [path]


def test_each_of_many_is_decoded_once_with_its_thumbnail(
    decoded, tmp_path: Path, monkeypatch
) -> None:
    """Photographs are large: of hundreds only the last ones are kept decoded."""
    monkeypatch.setattr(serving, "KEPT_BYTES", 1)
    classifier, seen = Classifier(decoded[0].home), decoded[1]
    paths = [str(tmp_path / f"{number}.png") for number in range(3)]
    for path in paths:
        Image.new("RGB", (20, 20), "red").save(path)
    request, press = SimpleNamespace(session_hash="me"), lambda *_, **__: None
    table, _ = classifying_all(classifier, {})(paths, NETWORKS[0], request, press)
    assert "Pictures classified: 3," in table and table.count("data:image/jpeg") == 3
    assert [str(path) for path in seen] == paths


def test_a_refused_picture_is_not_kept(decoded, tmp_path: Path) -> None:
    classifier, _ = decoded
    path = tmp_path / "picture.png"
    path.write_bytes(b"no")
    with pytest.raises(UserError, match="not a picture"):
        classifier.pixels(path)
    assert not classifier.pixels.cache


def test_a_picture_that_was_swept_is_asked_for_again(decoded, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kept for an hour. Give it again"):
        opinion(decoded[0], tmp_path / "gone.png", NETWORKS[0], look=False)
