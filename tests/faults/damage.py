"""Files that are no whole image, made of a number: cut, overwritten, absurd, or something else altogether.

    content = wrong_codes(7)
    content = cut(plain_png, 0.5)(7)    # the first half
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from .photos import SIGNATURE, chunk, photo, plain_jpeg, plain_png, saved


def nothing(_: int) -> bytes:
    return b""


def zeros(_: int) -> bytes:
    return bytes(2000)


def text(_: int) -> bytes:
    return b"Dear all, please find attached the photos of our trip.\n" * 9


def a_web_page(_: int) -> bytes:
    return b"<!DOCTYPE html><html><title>404 Not Found</title></html>\n"


def svg(_: int) -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def archive(number: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(zipfile.ZipInfo("photo.jpg"), plain_jpeg(number))
    return file.getvalue()


def tiff(number: int) -> bytes:
    return saved(photo(number), "TIFF")


def a_sound(_: int) -> bytes:
    return b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(24)


def bomb(_: int) -> bytes:
    """A whole PNG of 90,000,000 pixels in 11 kB."""
    rows = zlib.compress(bytes(9001 * 1251), 9)
    size = struct.pack(">IIBBBBB", 10_000, 9_000, 1, 0, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_bomb(number: int) -> bytes:
    content = bytearray(plain_jpeg(number))
    start = content.index(b"\xff\xc0") + 5
    content[start : start + 4] = struct.pack(">HH", 65_000, 65_000)
    return bytes(content)


def no_end(number: int) -> bytes:
    return plain_jpeg(number)[:-2]


def wrong_codes(number: int) -> bytes:
    """A JPEG whose pixels are overwritten midway, up to its end."""
    content = plain_jpeg(number)
    middle = (content.index(b"\xff\xda") + len(content)) // 2
    return content[:middle] + b"\xfe\x7f" * ((len(content) - middle - 2) // 2) + b"\xff\xd9"


def no_marker(number: int) -> bytes:
    """A JPEG whose first table has a length beyond its end."""
    content = bytearray(plain_jpeg(number))
    content[content.index(b"\xff\xdb") + 3] += 7
    return bytes(content)


def no_tables(number: int) -> bytes:
    """A JPEG whose Huffman tables are nonsense."""
    content = bytearray(plain_jpeg(number))
    start = content.index(b"\xff\xc4") + 5
    content[start : start + 16] = b"\xff" * 16
    return bytes(content)


def wrong_checksum(number: int) -> bytes:
    content = bytearray(plain_png(number))
    content[29] ^= 0xFF  # of the header
    return bytes(content)


def wrong_checksum_of_pixels(number: int) -> bytes:
    content = bytearray(plain_png(number))
    content[-13] ^= 0xFF
    return bytes(content)


def a_wrong_bit(number: int) -> bytes:
    content = bytearray(plain_png(number))
    content[len(content) // 2] ^= 0x10
    return bytes(content)


def wrong_pixels(number: int) -> bytes:
    """A PNG whose compressed pixels are none, with a checksum that agrees."""
    size = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rubbish = np.random.default_rng(number).bytes(300)
    return SIGNATURE + chunk(b"IHDR", size) + chunk(b"IDAT", b"\x78\x9c" + rubbish) + chunk(b"IEND", b"")


def too_few_pixels(number: int) -> bytes:
    size = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress(np.random.default_rng(number).bytes(25 * 5))
    return SIGNATURE + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def no_pixels(number: int) -> bytes:
    size = struct.pack(">IIBBBBB", 0, 8, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", size) + plain_png(number)[33:]


def cut(make: Callable[[int], bytes], share: float) -> Callable[[int], bytes]:
    """The first `share` of what `make` makes."""
    return lambda number: make(number)[: int(len(make(number)) * share)]
