"""What a WAV says of its length: many a program that writes into a pipe can't know it, and says something else.

    data = fix_data_size(data)
    frames = declared_frames(data, found, channels)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# What programs say of a length they don't know, besides 0, in whole blocks of samples: ffmpeg, GStreamer, SoX,
# arecord.
_UNKNOWN = (0xFFFFFFFF, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 2**64 - 1, 2**63 - 1)


def fix_data_size(data: bytes) -> bytes:
    """The file, or, where its length is unknown, one that says it goes on to the end."""
    block, length = 1, range(0)
    for name, place, size in _chunks(data):
        if name == b"fmt ":
            block = _block(data, place)
        elif name == b"ds64":  # where an RF64 says its length
            length = range(place + 16, place + 24)
        elif name == b"data":
            size = _number(data, length) or size
            length = length or range(place + 4, place + 8)
            left = len(data) - place - 8
            if not _unknown(size, block, left) and (size or _is_chunks(data, place + 8)):
                return data
            said = (left // block * block).to_bytes(len(length), _order(data))
            return data[: length.start] + said + data[length.stop :]
    return data


def _unknown(size: int, block: int, left: int) -> bool:
    """Whether a length beyond the end of the file is one that programs say who don't know it."""
    return size > left and (size in _UNKNOWN or size in {value // block * block for value in _UNKNOWN})


def declared_frames(data: bytes, found: int, channels: int) -> int:
    """Samples a channel, as the file says it: of one that is cut, libsndfile tells those that are left, `found`."""
    block, long_size = channels, 0
    for name, place, size in _chunks(data):
        if name == b"ds64":  # an RF64 says here what takes more than 32 bits
            long_size = _number(data, range(place + 16, place + 24))
        elif name == b"fmt ":
            block = _block(data, place)
        elif name == b"data":
            size = long_size or size
            return found if place + 8 + size <= len(data) else max(found + 1, size // block)
    return found


def _chunks(data: bytes, place: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of each chunk."""
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], _order(data))
        yield data[place : place + 4], place, size
        place += 8 + size + size % 2


def _is_chunks(data: bytes, place: int) -> bool:
    """Whether nothing but whole chunks follows, or nothing at all: then there are no samples."""
    end = place
    for name, start, size in _chunks(data, place):
        end = start + 8 + size
        if not name.isascii() or not name.decode().isprintable():
            return False
    return end in (len(data), len(data) - 1, len(data) + 1) if end > place else place >= len(data)


def _block(data: bytes, place: int) -> int:
    """Bytes of a sample of all channels."""
    return max(1, int.from_bytes(data[place + 20 : place + 22], _order(data)))


def _number(data: bytes, where: range) -> int:
    return int.from_bytes(data[where.start : where.stop], _order(data))


def _order(data: bytes) -> Any:
    return "big" if data[:4] == b"RIFX" else "little"
