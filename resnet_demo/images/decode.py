"""A picture file -> RGB pixels: one pure function for data sets and for uploads.

Pictures are converted in strips of rows, so that a process with little memory can pass on large
ones (`images.decoder`).
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from resnet_demo.errors import UserError

# MPO is absent on purpose: the JPEG plugin returns it by itself.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HEIF = "HEIF"  # iPhone photographs, where pillow-heif is installed
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 50
STRIP_PIXELS = 2**20
NEEDS_MEMORY = "This picture needs too much memory to decode; make it smaller, or a JPEG."


def decode(data: bytes) -> np.ndarray:
    """The first frame, upright, as RGB pixels: uint8, (H, W, 3).

    16-bit and float pictures are scaled to 8 bits, transparency is laid over white.
    Raises UserError (one sentence) for what is no picture or is larger than the limits.
    """
    with opened(io.BytesIO(data)) as image:
        return pixels_of(image)


def pixels_of(image: Image.Image) -> np.ndarray:
    """Of a picture that is open, as `decode` gives them."""
    return upright(np.concatenate(list(strips(image))), orientation(image))


@contextmanager
def opened(file: BinaryIO, side: int = 0) -> Iterator[Image.Image]:
    """A loaded picture within the limits; whatever goes wrong with it becomes a UserError.

    side: px that suffice for the shorter side, of which a JPEG makes use: it decodes faster to a
    half, a quarter or an eighth. 0: all there is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=known_formats()) as image:
                check_size(*image.size)
                if side:
                    image.draft(None, (side, side))  # for other formats it does nothing
                image.load()
                yield image
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        raise UserError(f"This is not a picture in one of {', '.join(known_formats())}.") from None
    except Image.DecompressionBombError:  # Pillow's own limit, four times ours
        raise UserError(f"This picture is too large: over {MAX_PIXELS // 10**6} MP.") from None
    except MemoryError:
        raise UserError(NEEDS_MEMORY) from None
    except Exception as error:  # Pillow's plugins raise many kinds on broken files
        told = str(error)
        if "Memory allocation" in told:  # HEIF
            raise UserError(NEEDS_MEMORY) from None
        if "create decoder" in told and not is_cut_short(file):  # WEBP, short of memory
            raise UserError(NEEDS_MEMORY) from None
        reason = told.split("\n")[0][:60] or type(error).__name__
        raise UserError(f"This picture is broken ({reason}).") from None


def is_cut_short(file: BinaryIO) -> bool:
    """Whether a RIFF file (WEBP) ends before the length that it tells."""
    file.seek(0)
    head = file.read(8)
    return file.seek(0, io.SEEK_END) < 8 + int.from_bytes(head[4:8], "little")


def known_formats() -> tuple[str, ...]:
    """FORMATS, and HEIF where its plugin can be loaded."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return FORMATS
    register_heif_opener(thumbnails=False)
    return (*FORMATS, HEIF)


def check_size(width: int, height: int) -> None:
    """Refuse by the header alone, before any pixel is decoded."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise UserError(
            f"This picture is too large: {width} x {height}. "
            f"At most {MAX_PIXELS // 10**6} megapixels and {MAX_SIDE} a side."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UserError(f"This picture is too thin: {width} x {height}, over {MAX_ASPECT}:1.")


def strips(image: Image.Image) -> Iterator[np.ndarray]:
    """RGB pixels from top to bottom, as stored: uint8, (some rows, W, 3)."""
    image = little_endian(image)
    scale = scale_to_8_bits(image)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        part = image if rows >= image.height else image.crop(box)
        yield np.asarray(to_rgb(part, scale))


def little_endian(image: Image.Image) -> Image.Image:
    """16-bit grey as most files have it: Pillow can neither cut nor measure the other order."""
    if image.mode not in ("I;16B", "I;16N"):
        return image
    return Image.fromarray(np.asarray(image).astype("<u2"))


def to_rgb(image: Image.Image, scale: float) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        image = Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def brightest(grey: Image.Image) -> float:
    low_high: Any = grey.getextrema()  # one pair a band
    return low_high[1]


def scale_to_8_bits(image: Image.Image) -> float:
    """For grey pictures of 16 bits a pixel, or floats in 0..1 (Pillow would clip them)."""
    if image.mode == "F":
        return 255.0 if brightest(image) <= 1 else 1.0
    if image.mode.startswith("I"):
        return 255 / 65535 if brightest(image) > 255 else 1.0
    return 1.0


def orientation(image: Image.Image) -> int:
    """EXIF's 1 to 8; 1 (upright) when the picture says nothing or its EXIF is broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # of many kinds, as above: the pixels are good
        return 1


def upright(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Undo the camera's turn: (H, W, 3) -> (H, W, 3) or (W, H, 3)."""
    turned = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: np.rot90(p),
    }.get(turn)
    return pixels if turned is None else np.ascontiguousarray(turned(pixels))


def square(pixels: np.ndarray, px: int, crop_pct: float = 1.0) -> np.ndarray:
    """The centre, `crop_pct` of the shorter side, resized: (H, W, 3) -> (px, px, 3)."""
    image, edge = Image.fromarray(pixels), (1 - crop_pct) / 2
    return np.asarray(ImageOps.fit(image, (px, px), Image.Resampling.BICUBIC, bleed=edge))
