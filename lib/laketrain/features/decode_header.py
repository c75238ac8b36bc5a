"""What an image file says of itself in its first bytes, so that nothing absurd is ever decoded.

    header = header_of(data)      # Header(format="JPEG", width=640, height=480, plain="RGB")

Only sizes are read here, by plain arithmetic on bytes; the libraries that decode come after.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

FORMATS = "PNG, JPEG, GIF, BMP or WebP"
_SHOWN = 12


class Unreadable(Exception):
    """A file that can't become a tensor; its text is the reason, as it stands in quarantine."""


@dataclass(frozen=True)
class Header:
    """`format` as Pillow calls it. `plain` are the colours, GRAY or RGB, of a JPEG without Exif, else empty."""

    format: str
    width: int
    height: int
    plain: str = ""


def header_of(data: bytes) -> Header:
    """The format and the size in pixels.

    Raises:
        Unreadable: it is empty, no image, ends before it says its size, or says that it has no pixels.
    """
    if not data:
        raise Unreadable("is empty")
    read = next((read for magic, read in _READERS if data.startswith(magic)), None)
    if read is None:
        raise Unreadable(f"is no image: begins with {beginning(data)}, expected {FORMATS}")
    try:
        header = read(data)
    except IndexError:
        raise Unreadable(f"is truncated: its {len(data)} bytes end before they say its size") from None
    if header.width < 1 or header.height < 1:
        raise Unreadable(f"is damaged: says that it is {header.width}×{header.height} pixels")
    return header


def beginning(data: bytes) -> str:
    """The first bytes of a file, for people."""
    return repr(data[:_SHOWN])[1:]


def complete(data: bytes, format: str) -> bool:
    """Whether the file goes on to its own end; to tell what a decoder that failed may mean."""
    tail = data[-64:]
    if format == "JPEG":
        return b"\xff\xd9" in tail
    if format == "PNG":
        return b"IEND" in tail
    if format == "GIF":
        return tail.rstrip(b"\0").endswith(b";")
    if format == "BMP":
        return len(data) >= int.from_bytes(data[2:6], "little")
    return len(data) >= int.from_bytes(data[4:8], "little") + 8


def refuse_broken_chunks(data: bytes, format: str) -> None:
    """Raises Unreadable where a part of a PNG that matters isn't what its checksum says. Decoders stop at the last
    pixel, and so don't see what is wrong there; they have seen that no part is missing."""
    place = 8
    while format == "PNG" and place + 12 <= len(data):
        name = data[place + 4 : place + 8]
        end = place + 8 + _big(data, place, 4)
        if name[:1].isupper() and zlib.crc32(memoryview(data)[place + 4 : end]) != _big(data, end, 4):
            raise Unreadable(f"is damaged: a PNG whose {name.decode('latin-1')} isn't what its checksum says")
        if name == b"IEND":
            return
        place = end + 4


def _number(data: bytes, start: int, size: int, signed: bool = False) -> int:
    """A little-endian number; an IndexError where the file ends before it."""
    data[start + size - 1]
    return int.from_bytes(data[start : start + size], "little", signed=signed)


def _big(data: bytes, start: int, size: int) -> int:
    data[start + size - 1]
    return int.from_bytes(data[start : start + size], "big")


def _png(data: bytes) -> Header:
    return Header("PNG", _big(data, 16, 4), _big(data, 20, 4))


def _gif(data: bytes) -> Header:
    return Header("GIF", _number(data, 6, 2), _number(data, 8, 2))


def _bmp(data: bytes) -> Header:
    if _number(data, 14, 4) == 12:  # the header of OS/2
        return Header("BMP", _number(data, 18, 2), _number(data, 20, 2))
    # A negative height: the rows run from the top.
    return Header("BMP", _number(data, 18, 4, signed=True), abs(_number(data, 22, 4, signed=True)))


def _webp(data: bytes) -> Header:
    if data[8:12] != b"WEBP":
        raise Unreadable(f"is no image: begins with {beginning(data)}, expected {FORMATS}")
    chunk = data[12:16]
    if chunk == b"VP8X":
        return Header("WEBP", _number(data, 24, 3) + 1, _number(data, 27, 3) + 1)
    if chunk == b"VP8L":
        bits = _number(data, 21, 4)
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return Header("WEBP", _number(data, 26, 2) & 0x3FFF, _number(data, 28, 2) & 0x3FFF)


def _jpeg(data: bytes) -> Header:
    """Walks from marker to marker up to the pixels."""
    place, width, height, components, exif = 2, 0, 0, 0, False
    while (marker := data[place + 1]) != 0xDA:
        if data[place] != 0xFF or marker == 0xD9:
            raise Unreadable(f"is damaged: no JPEG marker at byte {place}")
        if marker == 0xFF:  # padding before a marker
            place += 1
            continue
        if marker in _SIZED:
            height, width, components = _big(data, place + 5, 2), _big(data, place + 7, 2), data[place + 9]
        exif = exif or (marker == 0xE1 and data.startswith(b"Exif\0\0", place + 4))
        place += 2 if marker in _ALONE else 2 + (data[place + 2] << 8 | data[place + 3])
    return Header("JPEG", width, height, "" if exif else _COLOURS.get(components, ""))


# JPEG's markers: those of a frame, which say its size (not the tables C4, C8 and CC), and those without a length.
_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
_COLOURS = {1: "GRAY", 3: "RGB"}
_READERS = ((b"\xff\xd8\xff", _jpeg), (b"\x89PNG\r\n\x1a\n", _png), (b"GIF8", _gif), (b"BM", _bmp), (b"RIFF", _webp))
