"""Any picture comes out as the colours a person would see."""

import io

import numpy as np
import pytest
from PIL import Image

from resnet_demo.errors import UserError
from resnet_demo.images.decode import decode, square

RAMP = np.linspace(0, 255, 32 * 24).reshape(24, 32)  # (H, W)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def grey(dtype: type = np.uint8, scale: float = 1) -> Image.Image:
    return Image.fromarray((RAMP * scale).astype(dtype))


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (encoded(grey(), "PNG"), 0),
        (encoded(grey(np.uint16, 257), "PNG"), 1),
        (encoded(grey(np.uint16, 257), "TIFF"), 1),
        (encoded(grey(np.float32, 1 / 255), "TIFF"), 1),
        (encoded(grey().convert("RGB"), "BMP"), 0),
        (encoded(grey().convert("P"), "PNG"), 3),
        (encoded(grey().convert("LA"), "PNG"), 0),
        (encoded(grey().convert("CMYK"), "TIFF"), 3),
        (encoded(grey().convert("CMYK"), "JPEG", quality=95), 6),
        (encoded(grey().convert("RGB"), "WEBP", lossless=True), 0),
        (encoded(grey(), "GIF"), 0),
        (encoded(grey().convert("RGB"), "AVIF", quality=95), 6),
    ],
    ids=lambda value: value[:4].hex() if isinstance(value, bytes) else "",
)
def test_every_kind_of_grey_looks_the_same(data: bytes, tolerance: float) -> None:
    pixels = decode(data)
    assert pixels.shape == (24, 32, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels - RAMP[..., None]).mean() <= tolerance + 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_comes_out_upright(orientation: int) -> None:
    upright = Image.fromarray(np.dstack([RAMP, RAMP.T.reshape(24, 32), RAMP * 0]).astype(np.uint8))
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for turn in turns.get(orientation, []):
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(stored, "PNG", exif=exif))
    assert np.array_equal(pixels, np.asarray(upright))


def test_transparency_is_laid_over_white() -> None:
    hidden_red = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (decode(encoded(hidden_red, "PNG")) == 255).all()


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("L", (8, 8), value) for value in (200, 10)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data) == 200).all()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (encoded(Image.effect_noise((64, 64), 50), "PNG")[:900], "broken"),
        (encoded(grey(), "PPM"), "not a picture"),
        (encoded(Image.new("1", (1, 9000)), "PNG"), "too thin"),
        (encoded(Image.new("1", (17_000, 17_000)), "PNG"), "too large"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        decode(data)
    assert len(str(caught.value)) <= 140


def test_square_keeps_the_aspect_ratio() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255  # the middle third
    assert (square(wide, 10) > 200).mean() > 0.75


@pytest.mark.parametrize("turned", [False, True])
def test_square_may_see_less_than_the_shorter_side(turned: bool) -> None:
    framed = np.zeros((20, 40, 3), np.uint8)
    framed[5:15, 15:25] = 255  # half of the shorter side, in the middle
    seen = square(framed.swapaxes(0, 1) if turned else framed, 10, crop_pct=0.5)
    assert seen.shape == (10, 10, 3) and seen.min() == 255
