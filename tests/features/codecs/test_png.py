"""A PNG is decoded to all of its pixels, or refused; its transparent colour is compared in all bits."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from laketrain.features.codecs.header import Unreadable
from laketrain.features.codecs.image import ImageSpec, decode_image

H, W = 11, 13
RNG = np.random.default_rng(4)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows: bytes, depth: int = 8, kind: int = 2, clear: bytes = b"", parts: int = 1, interlaced: int = 0,
        size: tuple[int, int] = (W, H), before: bytes = b"", after: bytes = b"") -> bytes:
    """A file whose checksums are valid for any `rows`."""
    data = zlib.compress(rows)
    cut = [data[start : start + -(-len(data) // parts)] for start in range(0, len(data), -(-len(data) // parts))]
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced)
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header),
                     *([chunk(b"PLTE", bytes(range(48)))] if kind == 3 else []), before,
                     *([chunk(b"tRNS", clear)] if clear else []), *(chunk(b"IDAT", part) for part in cut), after,
                     chunk(b"IEND", b"")])


def filtered(values: np.ndarray[Any, Any], depth: int = 8) -> bytes:
    """Rows of (h, w) or (h, w, channels) values, each after the byte for no filter."""
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in values]
    elif depth == 8:
        rows = [row.astype(np.uint8).tobytes() for row in values]
    else:
        bits = [((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).ravel() for row in values]
        rows = [np.packbits(row).tobytes() for row in bits]
    return b"".join(b"\0" + row for row in rows)


def interlaced(values: np.ndarray[Any, Any]) -> bytes:
    passes = (values[0::8, 0::8], values[0::8, 4::8], values[4::8, 0::4], values[0::4, 2::4], values[2::4, 0::2],
              values[0::2, 1::2], values[1::2, 0::1])
    return b"".join(filtered(part) for part in passes if part.size)


def decode(data: bytes, channels: int = 3, size: tuple[int, int] = (H, W)) -> Any:
    return decode_image(data, ImageSpec((*size, channels)))


COLOURS = RNG.integers(1, 256, (H, W, 3))
BLACK_BELOW = np.concatenate([COLOURS[: H - 4], np.zeros((4, W, 3), np.int64)])


@pytest.mark.parametrize("values", [COLOURS, BLACK_BELOW, np.zeros_like(COLOURS)], ids=["colours", "half", "black"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_complete_png_is_read_and_a_truncated_one_is_refused(values: Any, parts: int) -> None:
    for rows, more in ((filtered(values), 0), (interlaced(values), 1)):
        whole = png(rows, parts=parts, interlaced=more)
        np.testing.assert_array_equal(decode(whole), values)
        for length in (*range(0, len(rows), 7), *range(len(rows) - 41, len(rows))):
            with pytest.raises(Unreadable, match="^is truncated: a PNG"):
                decode(png(rows[:length], parts=parts, interlaced=more))


@pytest.mark.parametrize(("kind", "depth"), [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 16), (3, 1), (3, 4), (3, 8),
                                             (4, 8), (4, 16), (6, 8), (6, 16)])
@pytest.mark.parametrize("size", [(W, H), (1, 1), (3, 2), (9, 1)])
def test_truncated_pngs_of_all_colour_types_and_sizes_are_refused(kind: int, depth: int, size: tuple[int, int]) -> None:
    width, height = size
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    rows = b"".join(b"\0" + bytes(-(-width * bits // 8)) for _ in range(height))
    decode(png(rows, depth, kind, size=size), size=(height, width))
    with pytest.raises(Unreadable, match="^is truncated: a PNG"):
        decode(png(rows[:-1], depth, kind, size=size), size=(height, width))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 2), (3, 5), (5, 3), (4, 4), (8, 9), (W, H)])
def test_an_interlaced_png_of_any_size_has_the_bytes_of_its_passes(size: tuple[int, int]) -> None:
    width, height = size
    values = COLOURS[:height, :width]
    rows = interlaced(values)
    np.testing.assert_array_equal(decode(png(rows, interlaced=1, size=size), size=(height, width)), values)
    with pytest.raises(Unreadable, match="^is truncated: a PNG"):
        decode(png(rows[:-1], interlaced=1, size=size), size=(height, width))


def test_an_animated_file_needs_all_of_its_first_frame() -> None:
    frames = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, W, H, 0, 0, 1, 1, 0, 0)) for number in (0, 1)]
    control = chunk(b"acTL", struct.pack(">II", 2, 0)) + frames[0]
    second = frames[1] + chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(filtered(255 - COLOURS)))
    rows = filtered(COLOURS)
    np.testing.assert_array_equal(decode(png(rows, before=control, after=second)), COLOURS)
    with pytest.raises(Unreadable, match="^is truncated: a PNG"):
        decode(png(rows[: len(rows) // 2], before=control, after=second))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_value_becomes_white_at_any_depth(depth: int) -> None:
    values = RNG.integers(0, 2**depth, (H, W))
    key = values[3, 4] = 2**depth // 3
    values[0, 0] = key ^ 1  # as similar as possible: the same high byte
    data = png(filtered(values, depth), depth, 0, struct.pack(">H", key))
    high = values >> 8 if depth == 16 else values * 255 // (2**depth - 1)
    expected = np.where(values == key, 255, high)
    np.testing.assert_array_equal(decode(data, 1)[..., 0], expected)
    np.testing.assert_array_equal(decode(data, 3), np.dstack([expected] * 3))
    np.testing.assert_array_equal(decode(data, 4), np.dstack([high] * 3 + [np.where(values == key, 0, 255)]))


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_becomes_white_at_any_depth(depth: int) -> None:
    values = RNG.integers(0, 2**depth, (H, W, 3))
    key = values[3, 4].copy()
    values[5:7] = key
    values[0, 0] = key ^ [0, 0, 1]
    data = png(filtered(values, depth), depth, 2, struct.pack(">HHH", *key.tolist()))
    hidden = (values == key).all(axis=2, keepdims=True)
    high = values >> 8 if depth == 16 else values
    np.testing.assert_array_equal(decode(data), np.where(hidden, 255, high))
    np.testing.assert_array_equal(decode(data, 4), np.dstack([high, np.where(hidden, 0, 255)]))


def test_transparency_is_rotated_with_its_image() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    note = chunk(b"eXIf", exif.tobytes()[6:])
    values = RNG.integers(0, 2**16, (H, W, 3))
    data = png(filtered(values, 16), 16, 2, struct.pack(">HHH", *values[0, 2].tolist()), before=note)
    grey = png(filtered(values[..., 0], 16), 16, 0, struct.pack(">H", int(values[0, 2, 0])), before=note)
    expected = np.rot90(values >> 8, -1).copy()
    expected[2, H - 1] = 255
    np.testing.assert_array_equal(decode(data, size=(W, H)), expected)
    np.testing.assert_array_equal(decode(grey, 1, size=(W, H)), expected[..., :1])


def test_a_gif_whose_first_frame_ends_early_is_refused() -> None:
    file = io.BytesIO()
    Pillow.fromarray(COLOURS.astype(np.uint8)).quantize(64).crop((0, 0, W, H // 2)).save(file, "GIF")
    data = bytearray(file.getvalue())
    offset = data.index(b"\x2c\0\0\0\0") + 7
    data[8:10] = data[offset : offset + 2] = struct.pack("<H", H)
    with pytest.raises(Unreadable, match="^is truncated: a GIF"):
        decode(bytes(data))
