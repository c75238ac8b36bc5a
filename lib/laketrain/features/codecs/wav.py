"""The declared length of a WAV file. Programs that write into a pipe don't know it, and write a placeholder.

    data = fix_data_size(data)
    frames = declared_frames(data, decoded, channels)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Placeholders of ffmpeg, GStreamer, SoX and arecord for an unknown length, besides 0; some round them to whole blocks.
_UNKNOWN = (0xFFFFFFFF, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 2**64 - 1, 2**63 - 1)


def fix_data_size(data: bytes) -> bytes:
    """The file; if its length is a placeholder, with the size of the data up to the end."""
    block, length = 1, range(0)
    for name, offset, size in _chunks(data):
        if name == b"fmt ":
            block = _block(data, offset)
        elif name == b"ds64":  # the length in an RF64
            length = range(offset + 16, offset + 24)
        elif name == b"data":
            size = _number(data, length) or size
            length = length or range(offset + 4, offset + 8)
            left = len(data) - offset - 8
            if not _unknown(size, block, left) and (size or _is_chunks(data, offset + 8)):
                return data
            size_bytes = (left // block * block).to_bytes(len(length), _order(data))
            return data[: length.start] + size_bytes + data[length.stop :]
    return data


def _unknown(size: int, block: int, left: int) -> bool:
    """Whether a length beyond the end of the file is a placeholder."""
    return size > left and (size in _UNKNOWN or size in {value // block * block for value in _UNKNOWN})


def declared_frames(data: bytes, decoded: int, channels: int) -> int:
    """Samples a channel by the header. `decoded` is libsndfile's number, which is smaller for a truncated file."""
    block, long_size = channels, 0
    for name, offset, size in _chunks(data):
        if name == b"ds64":  # lengths of more than 32 bits in an RF64
            long_size = _number(data, range(offset + 16, offset + 24))
        elif name == b"fmt ":
            block = _block(data, offset)
        elif name == b"data":
            size = long_size or size
            return decoded if offset + 8 + size <= len(data) else max(decoded + 1, size // block)
    return decoded


def _chunks(data: bytes, offset: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset and size of each chunk."""
    while offset + 8 <= len(data):
        size = int.from_bytes(data[offset + 4 : offset + 8], _order(data))
        yield data[offset : offset + 4], offset, size
        offset += 8 + size + size % 2


def _is_chunks(data: bytes, offset: int) -> bool:
    """Whether only whole chunks follow, or nothing: then there are no samples."""
    end = offset
    for name, start, size in _chunks(data, offset):
        end = start + 8 + size
        if not name.isascii() or not name.decode().isprintable():
            return False
    return end in (len(data), len(data) - 1, len(data) + 1) if end > offset else offset >= len(data)


def _block(data: bytes, offset: int) -> int:
    """Bytes of a sample of all channels."""
    return max(1, int.from_bytes(data[offset + 20 : offset + 22], _order(data)))


def _number(data: bytes, where: range) -> int:
    return int.from_bytes(data[where.start : where.stop], _order(data))


def _order(data: bytes) -> Any:
    return "big" if data[:4] == b"RIFX" else "little"
