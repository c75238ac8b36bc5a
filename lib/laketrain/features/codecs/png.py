"""Checks of PNGs that Pillow doesn't make: damaged chunks, missing pixels, transparent colours that it misses.

    picture.load()
    check_chunks(data)
    check_rows(data, picture)
    picture = apply_transparent_colour(data, picture)
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from laketrain.features.codecs.header import Unreadable

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# The seven passes of an interlaced file: first column, first row, and the steps to the next ones.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WHOLE = ((0, 0, 1, 1),)
_PIECE = 1 << 18


def check_chunks(data: bytes) -> None:
    """Raises Unreadable if a critical chunk differs from its checksum. Decoders stop at the last pixel, so they check
    that no chunk is missing, but not the last one's checksum."""
    for name, start, end in _chunks(data):
        checksum = int.from_bytes(data[end : end + 4], "big")
        if name[:1].isupper() and zlib.crc32(memoryview(data)[start - 4 : end]) != checksum:
            raise Unreadable(f"is damaged: a PNG whose {name.decode('latin-1')} differs from its checksum")


def check_rows(data: bytes, picture: Picture) -> None:
    """Raises Unreadable if pixels are missing, which Pillow leaves black.

    Missing rows are zero, so a last pixel or row that isn't zero proves that the file is complete. Only the other
    files, and interlaced ones, are inflated again.
    """
    width, height = picture.size
    interlaced = bool(data[28])
    if not interlaced and _any(picture.getpixel((width - 1, height - 1))):
        return
    if not interlaced and np.asarray(picture.crop((0, height - 1, width, height))).any():
        return
    needed = _size(width, height, data[24] * _CHANNELS[data[25]], _ADAM7 if interlaced else _WHOLE)
    size = _inflated_size(data, needed)
    if size < needed:
        raise Unreadable(f"is truncated: a PNG whose pixels are {needed} bytes and end after {size}")


def apply_transparent_colour(data: bytes, picture: Picture) -> Picture:
    """The picture as LA or RGBA if Pillow can't compare its pixels with the transparent colour (tRNS), as their bit
    depths differ: files of 16 bits, and grey ones of 2 and 4."""
    key, depth = picture.info.get("transparency"), data[24]
    if isinstance(key, int) and (picture.mode.startswith("I") or (picture.mode == "L" and depth < 8)):
        return _transparent_grey(np.asarray(picture).astype(np.int64), key, depth)
    if isinstance(key, tuple) and picture.mode == "RGB" and depth == 16:
        return _transparent_rgb(data, picture)
    return picture


def _transparent_grey(values: npt.NDArray[np.int64], key: int, depth: int) -> Picture:
    """From (h, w) values of 16 bits, or of fewer bits scaled to 8."""
    from PIL import Image

    most = 2**depth - 1
    alpha = np.where(values == ((key & most) if depth == 16 else (key & most) * 255 // most), 0, 255)
    return Image.fromarray(np.dstack([values >> 8 if depth == 16 else values, alpha]).astype(np.uint8))


def _transparent_rgb(data: bytes, picture: Picture) -> Picture:
    """With OpenCV, which compares all 16 bits; Pillow's pixels are the high bytes only."""
    import cv2
    from PIL import Image

    decoded: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape != (picture.height, picture.width, 4):
        raise Unreadable("is a PNG of 16 bits whose transparent colour can't be applied")
    result = picture.convert("RGBA")
    result.putalpha(Image.fromarray((decoded[..., 3] >> 8).astype(np.uint8)))
    return result


def _any(pixel: Any) -> bool:
    return any(pixel) if isinstance(pixel, tuple) else bool(pixel)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk's contents, up to IEND. Raises IndexError if a chunk is truncated."""
    offset = 8
    while offset + 12 <= len(data):
        name, start = data[offset + 4 : offset + 8], offset + 8
        end = start + int.from_bytes(data[offset : offset + 4], "big")
        if end + 4 > len(data):
            raise IndexError(offset)
        yield name, start, end
        if name == b"IEND":
            return
        offset = end + 4


def _size(width: int, height: int, bits: int, passes: tuple[tuple[int, int, int, int], ...]) -> int:
    """Bytes of all rows, each with its filter byte."""
    total = 0
    for left, top, right, down in passes:
        columns, rows = -(-max(0, width - left) // right), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _inflated_size(data: bytes, most: int) -> int:
    """Bytes of the inflated pixels, counted up to `most`."""
    inflater, size = zlib.decompressobj(), 0
    for name, start, end in _chunks(data):
        rest: bytes = data[start:end] if name == b"IDAT" else b""
        while rest and size < most and not inflater.eof:
            size += len(inflater.decompress(rest, _PIECE))
            rest = inflater.unconsumed_tail
    return size
