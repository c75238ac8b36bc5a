"""What Pillow doesn't see in a PNG: chunks that changed, pixels that are missing, a colour that stands for transparent.

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
# The seven passes of an interlaced file: its first column and row, and the steps to the next ones.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WHOLE = ((0, 0, 1, 1),)
_PIECE = 1 << 18


def check_chunks(data: bytes) -> None:
    """Raises Unreadable where a part that matters isn't what its checksum says. Decoders stop at the last pixel, and so
    don't see what is wrong there; they have seen that no part is missing."""
    for name, start, end in _chunks(data):
        said = int.from_bytes(data[end : end + 4], "big")
        if name[:1].isupper() and zlib.crc32(memoryview(data)[start - 4 : end]) != said:
            raise Unreadable(f"is damaged: a PNG whose {name.decode('latin-1')} isn't what its checksum says")


def check_rows(data: bytes, picture: Picture) -> None:
    """Raises Unreadable where the pixels end before the last one, which Pillow leaves black.

    A row that isn't there is zero, so most files show by their last pixel that they are whole; only the others are
    inflated once more. Of an interlaced file the last row says nothing.
    """
    width, height = picture.size
    interlaced = bool(data[28])
    if not interlaced and _any(picture.getpixel((width - 1, height - 1))):
        return
    if not interlaced and np.asarray(picture.crop((0, height - 1, width, height))).any():
        return
    needed = _size(width, height, data[24] * _CHANNELS[data[25]], _ADAM7 if interlaced else _WHOLE)
    found = _inflated(data, needed)
    if found < needed:
        raise Unreadable(f"is truncated: a PNG whose pixels are {needed} bytes and end after {found}")


def apply_transparent_colour(data: bytes, picture: Picture) -> Picture:
    """The picture as LA or RGBA where a colour that stands for transparent (tRNS) has other digits than Pillow's pixels
    have: files of 16 bits, and grey ones of 2 and 4."""
    key, depth = picture.info.get("transparency"), data[24]
    if isinstance(key, int) and (picture.mode.startswith("I") or (picture.mode == "L" and depth < 8)):
        return _grey(np.asarray(picture).astype(np.int64), key, depth)
    if isinstance(key, tuple) and picture.mode == "RGB" and depth == 16:
        return _coloured(data, picture)
    return picture


def _grey(values: npt.NDArray[np.int64], key: int, depth: int) -> Picture:
    """Of (h, w) values of 16 bits, or of 8 bits made of fewer."""
    from PIL import Image

    most = 2**depth - 1
    alpha = np.where(values == ((key & most) if depth == 16 else (key & most) * 255 // most), 0, 255)
    return Image.fromarray(np.dstack([values >> 8 if depth == 16 else values, alpha]).astype(np.uint8))


def _coloured(data: bytes, picture: Picture) -> Picture:
    """OpenCV compares all 16 bits; of Pillow's pixels only the high bytes are left."""
    import cv2
    from PIL import Image

    seen: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if seen is None or seen.shape != (picture.height, picture.width, 4):
        raise Unreadable("is a PNG of 16 bits whose transparent colour can't be found")
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray((seen[..., 3] >> 8).astype(np.uint8)))
    return clear


def _any(pixel: Any) -> bool:
    return any(pixel) if isinstance(pixel, tuple) else bool(pixel)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the contents of each chunk that is whole, up to IEND."""
    place = 8
    while place + 12 <= len(data):
        name, start = data[place + 4 : place + 8], place + 8
        end = start + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            raise IndexError(place)
        yield name, start, end
        if name == b"IEND":
            return
        place = end + 4


def _size(width: int, height: int, bits: int, passes: tuple[tuple[int, int, int, int], ...]) -> int:
    """Bytes of all rows, each with the byte that names its filter."""
    total = 0
    for left, top, right, down in passes:
        columns, rows = -(-max(0, width - left) // right), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _inflated(data: bytes, most: int) -> int:
    """Bytes that the pixels' chunks inflate to, counted up to `most`."""
    inflater, found = zlib.decompressobj(), 0
    for name, start, end in _chunks(data):
        rest: bytes = data[start:end] if name == b"IDAT" else b""
        while rest and found < most and not inflater.eof:
            found += len(inflater.decompress(rest, _PIECE))
            rest = inflater.unconsumed_tail
    return found
