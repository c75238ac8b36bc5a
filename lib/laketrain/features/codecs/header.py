"""Reads the headers of image files, so that absurd sizes are refused before anything is decoded.

    header = read_header(data)      # Header(format="JPEG", width=640, height=480, plain="RGB")

Only the bytes of the header are parsed; no decoding library is used.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = "PNG, JPEG, GIF, BMP or WebP"
_SHOWN = 12


class Unreadable(Exception):
    """A file that can't be decoded. Its text is the reason that the quarantine records."""


@dataclass(frozen=True)
class Header:
    """A file's format and size in pixels. The other attributes are of JPEGs only.

    Attributes:
        format: Pillow's name of it.
        colours: GRAY, RGB or CMYK.
        components: number of colour components.
        exif: the Exif segment, which contains the orientation.
        progressive: whether scans refine each other.
        scans: offset of the first scan if the file must have several, else 0.
    """

    format: str
    width: int
    height: int
    colours: str = ""
    components: int = 0
    exif: bytes = b""
    progressive: bool = False
    scans: int = 0

    @property
    def plain(self) -> str:
        """The colours, GRAY or RGB, of a JPEG without Exif, else empty."""
        return "" if self.exif or self.colours == "CMYK" else self.colours


def read_header(data: bytes) -> Header:
    """The file's format and size.

    Raises:
        Unreadable: it is empty, isn't an image file, ends before its size, or has a size of 0 pixels.
    """
    if not data:
        raise Unreadable("is empty")
    read = next((read for magic, read in _READERS if data.startswith(magic)), None)
    if read is None:
        raise Unreadable(f"isn't an image file: begins with {first_bytes(data)}, expected {FORMATS}")
    try:
        header = read(data)
    except IndexError:
        raise Unreadable(f"is truncated: its {len(data)} bytes end before its size") from None
    if header.width < 1 or header.height < 1:
        raise Unreadable(f"is damaged: its header has a size of {header.width}×{header.height} pixels")
    return header


def first_bytes(data: bytes) -> str:
    """The first bytes of a file as text, for errors."""
    return repr(data[:_SHOWN])[1:]


def is_complete(data: bytes, format: str) -> bool:
    """Whether the file has its end marker; distinguishes a truncated file from a damaged one."""
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


def _number(data: bytes, start: int, size: int, signed: bool = False) -> int:
    """A little-endian number. Raises IndexError if the file ends before it."""
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
    if _number(data, 14, 4) == 12:  # OS/2's header
        return Header("BMP", _number(data, 18, 2), _number(data, 20, 2))
    # A negative height means that rows are stored top down.
    return Header("BMP", _number(data, 18, 4, signed=True), abs(_number(data, 22, 4, signed=True)))


def _webp(data: bytes) -> Header:
    if data[8:12] != b"WEBP":
        raise Unreadable(f"isn't an image file: begins with {first_bytes(data)}, expected {FORMATS}")
    chunk = data[12:16]
    if chunk == b"VP8X":
        return Header("WEBP", _number(data, 24, 3) + 1, _number(data, 27, 3) + 1)
    if chunk == b"VP8L":
        bits = _number(data, 21, 4)
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return Header("WEBP", _number(data, 26, 2) & 0x3FFF, _number(data, 28, 2) & 0x3FFF)


def _jpeg(data: bytes) -> Header:
    """Reads the segments up to the first scan."""
    offset, width, height, components, exif, progressive = 2, 0, 0, 0, b"", False
    while (marker := data[offset + 1]) != 0xDA:
        if data[offset] != 0xFF or marker == 0xD9:
            raise Unreadable(f"is damaged: a JPEG without a marker at byte {offset}")
        if marker == 0xFF:  # padding before a marker
            offset += 1
            continue
        if marker in _SIZED:
            height, width, components = _big(data, offset + 5, 2), _big(data, offset + 7, 2), data[offset + 9]
            progressive = marker in _PROGRESSIVE
        end = offset + (2 if marker in _ALONE else 2 + (data[offset + 2] << 8 | data[offset + 3]))
        if marker == 0xE1 and data.startswith(_EXIF, offset + 4):
            exif += data[offset + 4 + (len(_EXIF) if exif else 0) : end]  # a long one has several segments
        offset = end
    several = progressive or data[offset + 4] < components
    return Header("JPEG", width, height, _COLOURS.get(components, ""), components, exif, progressive,
                  offset if several else 0)


# JPEG markers: of frames, which contain the size (C4, C8 and CC are tables), and of segments without a length.
_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_EXIF = b"Exif\0\0"
_COLOURS = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_READERS = ((b"\xff\xd8\xff", _jpeg), (b"\x89PNG\r\n\x1a\n", _png), (b"GIF8", _gif), (b"BM", _bmp), (b"RIFF", _webp))
