"""`shapes`: ten drawn classes for a first run without any download.

Colour, size, place, turn, background and noise vary, so that no single pixel gives the class
away and a network has to learn form.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from resnet_demo.data.dataset import Pictures, Split

CLASSES = (
    "arrow", "bar", "circle", "crescent", "cross", "heart", "ring", "square", "star", "triangle",
)  # fmt: skip
PX = 64
TRAIN, VAL = 8000, 2000
VERSION = "1"  # part of the cache key: raise it when the drawing changes

Point = tuple[float, float]


def shapes() -> Pictures:
    return Pictures(
        CLASSES, drawn_split(TRAIN, 0), drawn_split(VAL, TRAIN), "Drawn by the program."
    )


def drawn_split(count: int, first: int) -> Split:
    """Pictures first .. first + count; each depends on its own number alone."""
    return Split(
        names=tuple(f"{CLASSES[i % 10]}/{first + i:05d}" for i in range(count)),
        labels=tuple(i % 10 for i in range(count)),
        read=lambda index: draw(index % 10, first + index),
        fingerprint=f"shapes-{VERSION}-{count}-{first}",
    )


def draw(label: int, number: int) -> np.ndarray:
    """One picture: uint8 (64, 64, 3)."""
    random = np.random.default_rng((2015, number))
    size = random.uniform(0.16, 0.34) * PX  # radius
    centre = random.uniform(size, PX - size, 2)
    turn = random.uniform(-0.4, 0.4)
    ground, ink = two_colours(random)
    mask = Image.new("L", (2 * PX, 2 * PX))
    paint(ImageDraw.Draw(mask), CLASSES[label], 2 * centre, 2 * size, turn)
    mask = mask.resize((PX, PX), Image.Resampling.BOX)
    picture = Image.composite(Image.new("RGB", (PX, PX), ink), background(random, ground), mask)
    noise = random.normal(0, random.uniform(4, 28), (PX, PX, 3))
    return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)


def two_colours(random: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two colours that differ in at least one channel by 90 of 255."""
    while True:
        first, second = random.integers(0, 256, (2, 3))
        if np.abs(first - second).max() >= 90:
            return tuple(map(int, first)), tuple(map(int, second))


def background(random: np.random.Generator, colour: tuple[int, ...]) -> Image.Image:
    """A smooth blend around one colour, with a few distracting strokes."""
    coarse = np.asarray(colour) + random.normal(0, 28, (4, 4, 3))
    picture = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    picture = picture.resize((PX, PX), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(random.integers(0, 4)):
        stroke = [tuple(p) for p in random.uniform(0, PX, (2, 2))]
        pen.line(stroke, fill=tuple(map(int, random.integers(0, 256, 3))), width=1)
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 1)))


def paint(pen: ImageDraw.ImageDraw, name: str, at: np.ndarray, r: float, turn: float) -> None:
    """White shape of radius r on a black mask."""
    if name in ("circle", "ring", "crescent"):
        disc(pen, at, r, 255)
        if name == "ring":
            disc(pen, at, 0.55 * r, 0)
        elif name == "crescent":
            offset = 0.45 * r * np.array([math.cos(turn), math.sin(turn)])
            disc(pen, at + offset, 0.8 * r, 0)
    else:
        for outline in OUTLINES[name]:
            pen.polygon(place(outline, at, r, turn), fill=255)


def disc(pen: ImageDraw.ImageDraw, at: np.ndarray, r: float, fill: int) -> None:
    pen.ellipse([*(at - r), *(at + r)], fill=fill)


def place(outline: list[Point], at: np.ndarray, r: float, turn: float) -> list[Point]:
    c, s = math.cos(turn), math.sin(turn)
    return [(at[0] + r * (c * x - s * y), at[1] + r * (s * x + c * y)) for x, y in outline]


def spokes(count: int, inner: float) -> list[Point]:
    """A star of `count` points, the first one upright."""
    angles = [math.pi * i / count - math.pi / 2 for i in range(2 * count)]
    radii = [1.0, inner] * count
    return [(radius * math.cos(a), radius * math.sin(a)) for a, radius in zip(angles, radii)]


def box(x: float, y: float) -> list[Point]:
    return [(-x, -y), (x, -y), (x, y), (-x, y)]


def heart() -> list[Point]:
    angles = np.linspace(0, 2 * np.pi, 40)
    x = 16 * np.sin(angles) ** 3
    y = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    return list(zip(x / 17, -y / 17))


OUTLINES: dict[str, list[list[Point]]] = {
    "arrow": [
        [(-1, -0.2), (0.1, -0.2), (0.1, -0.6), (1, 0), (0.1, 0.6), (0.1, 0.2), (-1, 0.2)],
    ],
    "bar": [box(1, 0.28)],
    "cross": [box(1, 0.3), box(0.3, 1)],
    "heart": [heart()],
    "square": [box(0.8, 0.8)],
    "star": [spokes(5, 0.42)],
    "triangle": [[(0, -1), (0.9, 0.7), (-0.9, 0.7)]],
}
