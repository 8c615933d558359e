from pathlib import Path

from PIL import Image

from resnet_demo.config import Home
from resnet_demo.ui.examples import DRAWN, PHOTOGRAPHS, examples, truth


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_drawn_pictures_need_no_data(home: Home) -> None:
    called, files = examples(home)
    assert called == DRAWN and len(files) == 3
    assert all(size_of(path) == (320, 320) for path in files)
    assert truth(files[0].name) == ""


def test_photographs_are_copied_out_of_the_home_under_names_that_tell_nothing(home: Home) -> None:
    place = home.downloads / "imagenette2-160" / "val"
    for wordnet_id in ("n01440764", "n03028079"):
        (place / wordnet_id).mkdir(parents=True)
        Image.new("RGB", (900, 600)).save(place / wordnet_id / "ILSVRC2012_val_1.JPEG")
    (place / "n03888257").mkdir()
    (place / "n03888257" / "broken.JPEG").write_bytes(b"no picture")
    called, files = examples(home)
    assert called == PHOTOGRAPHS and [truth(path.name) for path in files] == ["tench", "church"]
    assert not any(path.is_relative_to(home.path) or "tench" in str(path) for path in files)
    assert max(size_of(files[0])) <= 640
    assert truth("mine.jpg") == ""
