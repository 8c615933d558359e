"""Own pictures: an archive of photographs from a phone -> a network that is used; and a large
folder that is listed and explained.
"""

import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from resnet_demo.config import BUNDLED, Home, TrainConfig
from resnet_demo.data.importing import import_path
from resnet_demo.data.sources import open_here
from resnet_demo.errors import UserError
from resnet_demo.files import Json, read_json
from resnet_demo.presets import CLASSIFIER_ONLY
from resnet_demo.progress import finish
from resnet_demo.runs import control

CLASSES, EACH = 10, 30
PHONE = (4032, 3024)  # 12 megapixels
MANY, MANY_CLASSES = 100_000, 100


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    archive = place / "phone.zip"
    write_archive(archive, data, home)
    imported = timed(lambda: finish(import_path(home, "phone", str(archive))))
    run = control.new_run(
        home, TrainConfig(data="dataset:phone", arch=BUNDLED, init="bundled", **CLASSIFIER_ONLY)
    )
    from resnet_demo.runs.scheduler import train_here

    trained = timed(lambda: train_here(home, run))
    report = read_json(home.run(run).report) or {}
    return {
        "pictures": CLASSES * EACH,
        "archive_mb": round(archive.stat().st_size / 1e6),
        "import_seconds": round(imported, 1),
        "train_seconds": round(trained, 1),
        "top1": report["top1"],
        "num_val": report["n"],
        **large_folder(place / "large"),
    }


def write_archive(archive: Path, data: str, home: Home) -> None:
    """Photographs of DATA as a phone would have taken them."""
    pictures = open_here(data, home)
    if pictures is None:
        raise UserError(f"{data} is not here.")
    split, taken = pictures.train, dict.fromkeys(range(CLASSES), 0)
    with zipfile.ZipFile(archive, "w") as file:
        for index, label in enumerate(split.labels):
            if taken.get(label, EACH) < EACH:
                taken[label] += 1
                image = Image.fromarray(split.read(index)).resize(PHONE, Image.Resampling.BICUBIC)
                content = io.BytesIO()
                image.save(content, "JPEG", quality=90)
                file.writestr(f"phone/{pictures.classes[label]}/{index}.jpg", content.getvalue())


def large_folder(place: Path) -> Json:
    for label in range(MANY_CLASSES):
        (place / f"{label:03d}").mkdir(parents=True)
        for index in range(MANY // MANY_CLASSES):
            (place / f"{label:03d}/{index:05d}.jpg").write_bytes(b"")
    script = (  # VmHWM is this process's own peak; getrusage counts the parent's too
        "import re, time; from pathlib import Path;"
        "from resnet_demo.data.folder import folder; started = time.perf_counter();"
        f"folder(Path({str(place)!r})); print(time.perf_counter() - started,"
        "int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    seconds, peak = map(float, told.split())
    return {"listed": MANY, "listed_seconds": round(seconds, 1), "listing_peak_mib": round(peak)}


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
