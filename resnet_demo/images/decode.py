"""Bytes of a picture file -> RGB pixels: one pure function for data sets and for uploads."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from resnet_demo.config import UserError

# MPO is absent on purpose: the JPEG plugin returns it by itself.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 50


def decode(data: bytes) -> np.ndarray:
    """The first frame, upright, as RGB pixels: uint8, (H, W, 3).

    16-bit and float pictures are scaled to 8 bits, transparency is laid over white.
    Raises UserError (one sentence) for what is no picture or is larger than the limits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(*image.size)
                return np.asarray(to_rgb(ImageOps.exif_transpose(image)))
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        raise UserError(f"This is not a picture in one of {', '.join(FORMATS)}.") from None
    except Image.DecompressionBombError:  # Pillow's own limit, four times ours
        raise UserError(f"This picture is too large: over {MAX_PIXELS // 10**6} MP.") from None
    except Exception as error:  # Pillow's plugins raise many kinds on broken files
        reason = str(error).split("\n")[0][:60] or type(error).__name__
        raise UserError(f"This picture is broken ({reason}).") from None


def check_size(width: int, height: int) -> None:
    """Refuse by the header alone, before any pixel is decoded."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise UserError(
            f"This picture is too large: {width} x {height}. "
            f"At most {MAX_PIXELS // 10**6} megapixels and {MAX_SIDE} a side."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UserError(f"This picture is too thin: {width} x {height}, over {MAX_ASPECT}:1.")


def to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        image = to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def to_8_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits a pixel, or floats in 0..1, as 8 bits (Pillow would clip them)."""
    values = np.asarray(image).astype(np.float64)
    scale = 255.0 if image.mode == "F" and values.max() <= 1 else 1.0
    if image.mode.startswith("I") and values.max() > 255:
        scale = 255 / 65535
    return Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))


def square(pixels: np.ndarray, px: int) -> np.ndarray:
    """Shorter side to px, aspect ratio kept, then the centre: (H, W, 3) -> (px, px, 3)."""
    return np.asarray(ImageOps.fit(Image.fromarray(pixels), (px, px), Image.Resampling.BICUBIC))
