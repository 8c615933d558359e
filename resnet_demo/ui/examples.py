"""Pictures to try: validation photographs where Imagenette is on this machine, else drawn ones,
which need no network and no data set."""

import atexit
import math
import shutil
import tempfile
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from resnet_demo.config import Home
from resnet_demo.data.imagenette import IMAGENETTE_CLASSES

SIDE = 320
PHOTOGRAPH = "imagenette-validation-{}.jpg"  # says nothing of what it is: that is to be guessed
DRAWN = "Drawn by this program"
PHOTOGRAPHS = "Imagenette's validation photographs, new to the network. What will it say?"


def examples(home: Home) -> tuple[str, tuple[Path, ...]]:
    """What they are, and their files."""
    files = photographs(home)
    return (PHOTOGRAPHS, files) if files else (DRAWN, example_files())


def photographs(home: Home) -> tuple[Path, ...]:
    """One of each class, copied out of the home, which the page may not serve; none where
    Imagenette has not been downloaded or cannot be read."""
    folders = sorted(home.downloads.glob("imagenette2*/val"))
    if not folders:
        return ()
    out, made = folder(), []
    for place, wordnet_id in enumerate(IMAGENETTE_CLASSES):
        try:
            source = min((folders[0] / wordnet_id).glob("*.JPEG"))
            image = Image.open(source).convert("RGB")
        except (OSError, ValueError):
            continue
        image.thumbnail((2 * SIDE, 2 * SIDE))
        made.append(out / PHOTOGRAPH.format(place))
        image.save(made[-1], quality=90)
    return tuple(made)


@cache
def folder() -> Path:
    """Where this process keeps them until it ends."""
    made = Path(tempfile.mkdtemp(prefix="resnet-demo-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def truth(name: str) -> str:
    """What a photograph shows, by its file's name; empty for other pictures."""
    known = {PHOTOGRAPH.format(i): what for i, what in enumerate(IMAGENETTE_CLASSES.values())}
    return known.get(name, "")


@cache
def example_files() -> tuple[Path, ...]:
    """Written once a process, as PNG files."""
    drawings = {"golf ball": golf_ball, "parachute": parachute, "church": church}
    paths = []
    for name, draw in drawings.items():
        image = Image.new("RGB", (SIDE, SIDE))
        draw(ImageDraw.Draw(image))
        paths.append(folder() / f"{name}.png")
        image.filter(ImageFilter.GaussianBlur(0.8)).save(paths[-1])
    return tuple(paths)


def sky(draw: ImageDraw.ImageDraw, top: tuple[int, int, int], low: tuple[int, int, int]) -> None:
    for y in range(SIDE):
        share = y / SIDE
        colour = tuple(round(a + (b - a) * share) for a, b in zip(top, low))
        draw.line([(0, y), (SIDE, y)], fill=colour)


def golf_ball(draw: ImageDraw.ImageDraw) -> None:
    sky(draw, (40, 120, 30), (90, 170, 60))
    for shade in range(100):  # a ball lit from the upper left
        grey = 170 + shade * 85 // 100
        r = 105 - shade
        draw.ellipse([150 - r, 150 - r, 170 + r, 170 + r], fill=(grey, grey, grey))
    for row in range(-6, 7):
        for column in range(-6, 7):
            x, y = 160 + 17 * (column + row % 2 / 2), 160 + 15 * row
            if math.hypot(x - 160, y - 160) < 95:
                draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=(200, 200, 205))


def parachute(draw: ImageDraw.ImageDraw) -> None:
    sky(draw, (60, 130, 220), (180, 215, 245))
    colours = [(220, 40, 40), (250, 210, 40), (40, 90, 200), (240, 240, 240)]
    for part in range(8):
        start = 180 + part * 180 / 8
        draw.pieslice([60, 40, 260, 240], start, start + 180 / 8, fill=colours[part % 4])
    for x in range(60, 261, 25):
        draw.line([(x, 140), (160, 270)], fill=(50, 50, 50))
    draw.ellipse([152, 262, 168, 278], fill=(30, 30, 30))
    draw.rectangle([153, 276, 167, 305], fill=(30, 40, 60))


def church(draw: ImageDraw.ImageDraw) -> None:
    sky(draw, (110, 160, 220), (220, 230, 240))
    draw.rectangle([0, 260, SIDE, SIDE], fill=(90, 140, 70))
    draw.rectangle([130, 170, 290, 270], fill=(225, 220, 205))
    draw.polygon([(120, 170), (300, 170), (280, 110), (140, 110)], fill=(120, 70, 60))
    draw.rectangle([60, 120, 130, 270], fill=(235, 230, 215))
    draw.polygon([(52, 120), (138, 120), (95, 20)], fill=(90, 60, 60))
    draw.line([(95, 4), (95, 24)], fill=(30, 30, 30), width=4)
    draw.line([(87, 11), (103, 11)], fill=(30, 30, 30), width=4)
    for x in (150, 190, 230):
        draw.rectangle([x, 195, x + 20, 245], fill=(60, 70, 110))
        draw.ellipse([x, 185, x + 20, 205], fill=(60, 70, 110))
    draw.rectangle([80, 210, 110, 270], fill=(80, 55, 40))
