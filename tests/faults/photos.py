"""Photos as people have them, made of a number: in every format and colour mode, and all of them fine.

    content = cmyk(7)                   # a file's bytes, always the same ones
    pixels = seen(content, 16)          # (16, 16, 3), as Pillow by itself shows it
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image as Pillow

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def photo(number: int, height: int = 40, width: int = 48) -> Pillow.Image:
    """Three waves of colour, and a little noise: what a JPEG is made for. No two numbers give the same."""
    random = np.random.default_rng(number)
    down, across = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(down / 7 * random.uniform(0.5, 2) + across / 9 + random.uniform(0, 6)) for _ in "rgb"]
    return Pillow.fromarray((np.dstack(waves) + random.normal(0, 4, (height, width, 3))).clip(0, 255).astype(np.uint8))


def saved(picture: Pillow.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def seen(content: bytes, side: int) -> np.ndarray[Any, Any]:
    """(side, side, 3) as Pillow by itself shows the file: upright, on white, its high bytes, stretched."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(Pillow.open(io.BytesIO(content)))
    assert picture is not None
    if picture.mode.startswith("I"):
        picture = Pillow.fromarray((np.asarray(picture) // 256).astype(np.uint8))
    if picture.mode in ("P", "LA", "RGBA"):
        front = picture.convert("RGBA")
        picture = Pillow.new("RGBA", front.size, "white")
        picture.alpha_composite(front)
    return np.asarray(picture.convert("RGB").resize((side, side), Pillow.Resampling.BILINEAR))


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG, with the checksum that belongs to it."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def cmyk(number: int) -> bytes:
    return saved(photo(number).convert("CMYK"), "JPEG")


def sixteen_bits(number: int) -> bytes:
    return saved(Pillow.fromarray(np.random.default_rng(number).integers(0, 2**16, (30, 20), np.uint16)), "PNG")


def palette(number: int) -> bytes:
    return saved(photo(number).quantize(40), "PNG")


def clear_palette(number: int) -> bytes:
    return saved(photo(number).quantize(9), "PNG", transparency=4)


def alpha(number: int) -> bytes:
    picture = photo(number)
    picture.putalpha(photo(number + 500).convert("L"))
    return saved(picture, "PNG")


def grey(number: int) -> bytes:
    return saved(photo(number).convert("L"), "PNG")


def grey_and_alpha(number: int) -> bytes:
    picture = photo(number).convert("LA")
    picture.putalpha(photo(number + 500).convert("L"))
    return saved(picture, "PNG")


def black_and_white(number: int) -> bytes:
    return saved(photo(number).convert("1"), "PNG")


def grey_jpeg(number: int) -> bytes:
    return saved(photo(number).convert("L"), "JPEG")


def progressive(number: int) -> bytes:
    return saved(photo(number), "JPEG", progressive=True)


def rotated(number: int) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return saved(photo(number), "JPEG", exif=exif.tobytes())


def animated(number: int) -> bytes:
    return saved(photo(number), "GIF", save_all=True, append_images=[photo(number + 1), photo(number + 2)])


def plain_png(number: int) -> bytes:
    return saved(photo(number), "PNG")


def plain_jpeg(number: int) -> bytes:
    return saved(photo(number), "JPEG")


def bmp(number: int) -> bytes:
    return saved(photo(number), "BMP")


def webp(number: int) -> bytes:
    return saved(photo(number), "WEBP")


def interlaced(number: int) -> bytes:
    """A PNG in seven passes. Pillow reads them and writes none, so the passes are made here."""
    pixels = np.asarray(photo(number))
    rows = b"".join(b"\0" + row.tobytes() for down, across, step, stride in _PASSES
                    for row in pixels[down::step, across::stride])
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    return SIGNATURE + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def one_pixel(number: int) -> bytes:
    return saved(photo(number, 1, 1), "PNG")


def a_thread(number: int) -> bytes:
    return saved(photo(number, 1, 5000), "PNG")


def followed_by_garbage(number: int) -> bytes:
    return plain_jpeg(number) + np.random.default_rng(number).bytes(5000)


def png_followed_by_garbage(number: int) -> bytes:
    return plain_png(number) + np.random.default_rng(number).bytes(5000)
