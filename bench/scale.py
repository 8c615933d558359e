"""ImageNet's layout with 200,000 small pictures: listing, decoding, the first batch, memory; and a
build that is killed half-way."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.data.augment import train_batch
from resnet_demo.data.pixel_cache import CROP_MARGIN, Pixels
from resnet_demo.data.sources import open_here
from resnet_demo.files import Json
from resnet_demo.images.decode import decode, square

PICTURES, CLASSES, DISTINCT, SIDE, PX = 200_000, 1000, 500, 64, 32
MEAN_SIZE = (500, 375)
ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
import json, re, sys, time
from pathlib import Path
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import cached_pixels
from resnet_demo.data.augment import epoch_order, train_batch
from resnet_demo.progress import finish
def memory(which):
    return int(re.search(which + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
root, caches = map(Path, sys.argv[1:3])
px = int(sys.argv[3])
told, at = {}, time.perf_counter()
def lap(name):
    global at
    told[name] = round(time.perf_counter() - at, 2)
    at = time.perf_counter()
pictures = folder(root)
lap("listing_seconds")
told["listed_mib"] = round(memory("VmRSS"))
pixels = finish(cached_pixels(pictures.train, px, caches))
lap("decoding_seconds")
told["decoded_mib"] = round(memory("VmRSS"))
for step in range(2):
    order = epoch_order(len(pixels), 0, 0)
    train_batch(pixels, order[step * 256 : (step + 1) * 256], px, 0.4, (0, 0, step))
    lap(f"batch_{step + 1}_seconds")
for step in range(2, 400):
    train_batch(pixels, order[step * 256 : (step + 1) * 256], px, 0.4, (0, 0, step))
told["anonymous_mib_after_half_an_epoch"] = round(memory("RssAnon"))
print(json.dumps(told))
"""


def measure(data: str, place: Path) -> Json:
    draw(place)
    caches = place / "caches"
    caches.mkdir()
    words = [sys.executable, "-c", SCRIPT, str(place / "pictures"), str(caches), str(PX)]
    killed_half_way(words, caches)
    told = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout)
    told |= decode_rate(data, place / "photograph.jpg")
    size = sum(path.stat().st_size for path in caches.glob("*.npy"))
    return {"pictures": PICTURES, "px": PX, "cache_mb": round(size / 1e6), **told}


def decode_rate(data: str, photograph: Path) -> Json:
    """Of a JPEG as large as ImageNet's are on average, by one core, to what crops of 128 px are cut
    from; and of such crops of 224 px."""
    pictures = open_here(data, Home(photograph.parent))
    assert pictures
    pixels = Image.fromarray(pictures.train.read(0)).resize(MEAN_SIZE, Image.Resampling.BICUBIC)
    pixels.save(photograph, quality=95)
    started = time.perf_counter()
    for _ in range(200):
        square(decode(photograph.read_bytes()), round(128 * CROP_MARGIN))
    decoded = 200 / (time.perf_counter() - started)
    kept = square(np.asarray(pixels), round(224 * CROP_MARGIN))
    large = Pixels(np.stack([kept] * 64), np.zeros(64, np.int64), ("",) * 64, ())
    torch.set_num_threads(1)
    started = time.perf_counter()
    for step in range(10):
        train_batch(large, np.arange(64), 224, 0.35, (0, 0, step))
    return {
        "decoded_500x375_per_s_a_core": round(decoded),
        "crops_of_224_px_per_s_a_core": round(640 / (time.perf_counter() - started)),
    }


def draw(place: Path) -> None:
    """Few distinct pictures under many names: what is measured is their number."""
    random = np.random.default_rng(0)
    distinct = place / "distinct"
    distinct.mkdir(parents=True)
    for number in range(DISTINCT):
        pixels = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((SIDE, SIDE)).save(distinct / f"{number}.JPEG")
    for label in range(CLASSES):
        for split, count in (("train", PICTURES // CLASSES), ("val", 2)):
            folder = place / "pictures" / split / f"n{label:08d}"
            folder.mkdir(parents=True)
            for number in range(count):
                path = distinct / f"{(label + number) % DISTINCT}.JPEG"
                (folder / f"{number:05d}.JPEG").hardlink_to(path)


def killed_half_way(words: list[str], caches: Path) -> None:
    """The build that is measured goes on with what this one leaves."""
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        notes = [json.loads(path.read_text()) for path in caches.glob("*.partial-notes")]
        if any(note["done"] >= PICTURES // 2 for note in notes):
            process.kill()
        time.sleep(0.05)
