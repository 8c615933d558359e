"""Pictures that break decoders, made here: {name: (bytes, RGB pixels it should give or None)}."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIDE = 48
X, Y = np.meshgrid(np.linspace(0, 255, SIDE), np.linspace(0, 255, SIDE))
COLOUR = np.stack([X, Y, 255 - X], axis=-1).astype(np.uint8)
GREY = np.repeat(X[..., None], 3, axis=-1).astype(np.uint8)
Case = tuple[bytes, np.ndarray | None]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def all_cases() -> dict[str, Case]:
    return {**good(), **turned(), **truncated(), **flipped(), **bombs(), **no_pictures()}


def good() -> dict[str, Case]:
    """Every format and mode that people have."""
    colour, grey = Image.fromarray(COLOUR), Image.fromarray(GREY[..., 0])
    see_through = colour.convert("RGBA")
    see_through.putalpha(0)
    white = np.full_like(COLOUR, 255)
    wide = Image.fromarray((X * 257).astype(np.uint16))
    floats = Image.fromarray((X / 255).astype(np.float32))
    animation = {"save_all": True, "append_images": [Image.fromarray(255 - COLOUR)]}
    indexed = encoded(colour.quantize(256), "PNG")
    return {
        "jpeg": (encoded(colour, "JPEG", quality=95), COLOUR),
        "jpeg progressive": (encoded(colour, "JPEG", quality=95, progressive=True), COLOUR),
        "jpeg grey": (encoded(grey, "JPEG", quality=95), GREY),
        "jpeg cmyk": (encoded(colour.convert("CMYK"), "JPEG", quality=98), COLOUR),
        "jpeg 4:2:0": (encoded(colour, "JPEG", quality=95, subsampling=2), COLOUR),
        "png": (encoded(colour, "PNG"), COLOUR),
        "png grey": (encoded(grey, "PNG"), GREY),
        "png 16 bits": (encoded(wide, "PNG"), GREY),
        "png palette": (indexed, np.asarray(colour.quantize(256).convert("RGB"))),
        "png see-through": (encoded(see_through, "PNG"), white),
        "png grey and alpha": (encoded(see_through.convert("LA"), "PNG"), white),
        "png one bit": (encoded(Image.new("1", (SIDE, SIDE), 1), "PNG"), white),
        "webp": (encoded(colour, "WEBP", quality=95), COLOUR),
        "webp lossless see-through": (encoded(see_through, "WEBP", lossless=True), white),
        "webp animated": (encoded(colour, "WEBP", lossless=True, **animation), COLOUR),
        "gif": (encoded(grey, "GIF"), GREY),
        "gif animated": (encoded(grey, "GIF", save_all=True, append_images=[grey]), GREY),
        "bmp": (encoded(colour, "BMP"), COLOUR),
        "tiff": (encoded(colour, "TIFF"), COLOUR),
        "tiff lzw": (encoded(colour, "TIFF", compression="tiff_lzw"), COLOUR),
        "tiff cmyk": (encoded(colour.convert("CMYK"), "TIFF"), COLOUR),
        "tiff 16 bits": (encoded(wide, "TIFF"), GREY),
        "tiff floats": (encoded(floats, "TIFF"), GREY),
        "avif": (encoded(colour, "AVIF", quality=98), COLOUR),
        "one pixel": (encoded(Image.new("RGB", (1, 1), "red"), "PNG"), np.uint8([[[255, 0, 0]]])),
        "broken exif": (with_exif(colour, b"Exif\0\0MM\0*\xff\xff\xff\xff"), COLOUR),
    }


def with_exif(image: Image.Image, exif: bytes) -> bytes:
    return encoded(image, "JPEG", quality=95, exif=exif)


def turned() -> dict[str, Case]:
    """EXIF's eight orientations."""
    undo = {
        1: COLOUR, 2: COLOUR[:, ::-1], 3: COLOUR[::-1, ::-1], 4: COLOUR[::-1],
        5: COLOUR.swapaxes(0, 1), 6: np.rot90(COLOUR, -1),
        7: COLOUR[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(COLOUR),
    }  # fmt: skip
    cases = {}
    for number, upright in undo.items():
        exif = Image.Exif()
        exif[0x0112] = number
        data = encoded(Image.fromarray(COLOUR), "PNG", exif=exif)
        cases[f"orientation {number}"] = (data, upright)
    return cases


def truncated() -> dict[str, Case]:
    """Cut at many places: a sentence or a picture, never anything else."""
    noise = Image.effect_noise((96, 96), 80).convert("RGB")
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    return {
        f"{kind} cut at {share} %": (data[: len(data) * share // 100], None)
        for kind in kinds
        for data in [encoded(noise, kind)]
        for share in (1, 10, 40, 70, 99)
    }


def flipped() -> dict[str, Case]:
    """Bytes changed at random places."""
    random = np.random.default_rng(0)
    noise = Image.effect_noise((96, 96), 80).convert("RGB")
    cases = {}
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        data = np.frombuffer(encoded(noise, kind), np.uint8)
        for number in range(6):
            spoilt = data.copy()
            spoilt[random.integers(0, min(len(spoilt), 2000), 12)] = random.integers(0, 256, 12)
            cases[f"{kind} spoilt {number}"] = (spoilt.tobytes(), None)
    return cases


def bombs() -> dict[str, Case]:
    """Small files that would become large pictures, or long work."""
    huge = Image.new("1", (12_000, 12_000))
    return {
        "1 x 65500": (png(1, 65_500), None),
        "65500 x 1": (png(65_500, 1), None),
        "60000 x 60000, header only": (png(60_000, 60_000, rows=1), None),
        "2**31 wide, header only": (png(2**31 - 1, 1, rows=0), None),
        "gif 144 MP": (encoded(huge, "GIF"), None),
        "tiff 144 MP": (encoded(huge, "TIFF", compression="group4"), None),
        "png 17000 wide": (png(17_000, 400), None),
        "png 49 MP": (png(7_000, 7_000), np.zeros((7_000, 7_000, 3), np.uint8)),
        "png text bomb": (png(8, 8, extra=ztxt(200 * 2**20)), None),
        "progressive, many scans": (many_scans(3000, 600), None),
        "jpeg within jpeg": (encoded(Image.fromarray(COLOUR), "JPEG") * 50, None),
    }


def png(width: int, height: int, rows: int | None = None, extra: bytes = b"") -> bytes:
    """A black grey-scale PNG, written by hand; `rows` of it are really there."""
    packer = zlib.compressobj(9)
    row = bytes(1 + min(width, 10**6))
    body = b"".join(packer.compress(row) for _ in range(height if rows is None else rows))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), extra, chunk(b"IDAT", body + packer.flush()), chunk(b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def ztxt(size: int) -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size), 9))


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: each repeats the work over all its area."""
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def no_pictures() -> dict[str, Case]:
    """What else people drop."""
    magic = {
        "jpeg": b"\xff\xd8\xff\xe0", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a",
        "webp": b"RIFF\0\0\0\0WEBP", "tiff": b"II*\0", "bmp": b"BM", "avif": b"\0\0\0 ftypavif",
    }  # fmt: skip
    texts = {
        "text": b"hello", "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "pdf": b"%PDF-1.7\n",
        "html": b"<html></html>", "zip": b"PK\x03\x04", "zeros": bytes(10_000),
        "psd": b"8BPS\0\1" + bytes(60), "ppm": b"P6 2 2 255\n" + bytes(12),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }  # fmt: skip
    only_magic = {f"{name} magic only": (start + bytes(30), None) for name, start in magic.items()}
    return only_magic | {name: (data, None) for name, data in texts.items()}


def tiff_of(values: np.ndarray) -> bytes:
    """A grey TIFF in the byte order of its values: header, eight tags, pixels."""
    little = values.dtype == np.dtype("<u2")
    mark, order = (b"II", "<") if little else (b"MM", ">")
    height, width = values.shape
    tags = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, 8 + 2 + 9 * 12 + 4)]
    tags += [(277, 1), (278, height), (279, values.nbytes)]
    data = mark + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, value in tags:
        data += struct.pack(f"{order}HHII", tag, 4, 1, value)
    return data + struct.pack(f"{order}I", 0) + values.tobytes()
