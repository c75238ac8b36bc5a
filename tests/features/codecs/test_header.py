"""Absurd sizes are refused by a file's header, before it is decoded."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from laketrain.features.codecs.header import is_complete, read_header

from ..picture_files import RGB, reason, saved


def header_only(format: str, width: int, height: int) -> bytes:
    """A file whose header has a huge size, with almost no data."""
    small = bytearray(saved(RGB, format, lossless=True))
    if format == "PNG":
        small[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    elif format == "GIF":
        small[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    elif format == "BMP":
        small[18:26] = width.to_bytes(4, "little") + (-height).to_bytes(4, "little", signed=True)
    elif format == "WEBP":
        small[21:25] = (width - 1 | (height - 1) << 14).to_bytes(4, "little")
    else:
        offset = small.index(b"\xff\xc0") + 5
        small[offset : offset + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(small)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_decompression_bomb_is_refused_by_its_header(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "open", lambda *_, **__: pytest.fail("it was opened"))
    width, height = (16_000, 15_000)
    assert reason(header_only(format, width, height)) == (
        "is 16000×15000 = 240000000 pixels, at most 64000000 are decoded (`max_pixels`)")
    assert "at most 100" in (reason(saved(RGB, format), max_pixels=100) or "")


def test_a_gif_whose_frame_is_larger_than_its_header_is_refused() -> None:
    data = bytearray(saved(RGB, "GIF"))
    data[6:10] = b"\1\0\1\0"
    assert "at most 100" in (reason(bytes(data), max_pixels=100) or "")


@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]), st.integers(1, 300), st.integers(1, 300))
def test_the_size_is_that_of_pillow(format: str, width: int, height: int) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (width, height)).save(file, format)
    header = read_header(file.getvalue())
    assert (header.format, header.width, header.height) == (format, width, height)
    assert is_complete(file.getvalue(), format)
