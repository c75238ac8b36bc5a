"""Checks that the scan of a JPEG with unusual chroma subsampling is complete, by reading its Huffman codes.

    check_scan(data)

libjpeg-turbo's API doesn't support such files (3×1, …). Reading is slow, but few files need it. Only files with one
scan of Huffman codes are supported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from laketrain.features.codecs.header import Unreadable

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MOST_LEFT = 16  # bytes that some cameras write after the last bit
_SIMPLE = (0xC0, 0xC1)  # markers of frames with Huffman codes in one scan
_WINDOW = 16  # bits of the longest code
# For each value of the next 16 bits: the length of the code that they start with, and its symbol.
Table = list[tuple[int, int]]
_NO_CODE = (0, 0)


@dataclass
class _Frame:
    """`sampling`: each component's (horizontal, vertical) blocks; `tables`: by class and number."""

    width: int = 0
    height: int = 0
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)
    restart: int = 0


def is_supported(data: bytes) -> bool:
    """Whether `check_scan` can read the file, according to its headers."""
    try:
        frame, scan = _headers(data)
    except (IndexError, ValueError):
        return False
    count = data[scan + 4]
    selectors = data[scan + 5 : scan + 5 + 2 * count]
    tables = {number >> 4 for number in selectors[1::2]} | {16 | number & 15 for number in selectors[1::2]}
    return count > 1 and sorted(frame.sampling) == sorted(selectors[::2]) and tables <= set(frame.tables)


def check_scan(data: bytes) -> None:
    """Raises Unreadable if the bits don't match the image's size. The file must be supported (`is_supported`)."""
    frame, scan = _headers(data)
    count = data[scan + 4]
    blocks = []
    for offset in range(scan + 5, scan + 5 + 2 * count, 2):
        horizontal, vertical = frame.sampling[data[offset]]
        pair = (frame.tables[data[offset + 1] >> 4], frame.tables[16 | data[offset + 1] & 15])
        blocks += [pair] * (horizontal * vertical)
    parts = _parts(data, scan + 8 + 2 * count)
    units = _units(frame)
    interval = frame.restart or units
    if len(parts) != -(-units // interval):
        raise Unreadable(f"is damaged: a JPEG of {len(parts)} parts between restarts, expected {-(-units // interval)}")
    for number, part in enumerate(parts):
        _read(part, blocks, min(interval, units - number * interval))


def _headers(data: bytes) -> tuple[_Frame, int]:
    """The segments before the scan, and the scan's offset. Raises ValueError for another kind of file."""
    frame, offset = _Frame(), 2
    while (marker := data[offset + 1]) != 0xDA:
        if marker == 0xFF:
            offset += 1
            continue
        size = data[offset + 2] << 8 | data[offset + 3]
        segment = data[offset + 4 : offset + 2 + size]
        if marker in _SIMPLE:
            frame.height, frame.width = segment[1] << 8 | segment[2], segment[3] << 8 | segment[4]
            frame.sampling = {segment[at]: (segment[at + 1] >> 4, segment[at + 1] & 15)
                              for at in range(6, 6 + 3 * segment[5], 3)}
        elif marker == 0xC4:
            _read_tables(segment, frame.tables)
        elif 0xC2 <= marker <= 0xCF:
            raise ValueError("another kind of frame")
        elif marker == 0xDD:
            frame.restart = segment[0] << 8 | segment[1]
        offset += 2 + size
    return frame, offset


def _read_tables(segment: bytes, tables: dict[int, Table]) -> None:
    """Builds decoding tables. Codes are consecutive numbers: each length continues where the shorter one ended."""
    while segment:
        counts, symbols = segment[1:17], iter(segment[17:])
        table: Table = []
        for length, count in enumerate(counts, 1):
            for symbol in islice(symbols, count):
                table += [(length, symbol)] * (1 << _WINDOW - length)
        tables[segment[0]] = (table + [_NO_CODE] * (1 << _WINDOW))[: 1 << _WINDOW]
        segment = segment[17 + sum(counts) :]


def _units(frame: _Frame) -> int:
    """Number of MCUs: groups of blocks of all components."""
    across = max(size[0] for size in frame.sampling.values())
    down = max(size[1] for size in frame.sampling.values())
    return -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))


def _parts(data: bytes, start: int) -> list[bytes]:
    """The scan's bytes between restarts, without stuffed bytes."""
    end = _END.search(data, start)
    return [part.replace(b"\xff\0", b"\xff") for part in _RESTART.split(data[start : end.start() if end else None])]


def _read(part: bytes, blocks: list[tuple[Table, Table]], units: int) -> None:
    """Raises Unreadable unless the part has exactly the bits of `units` groups of blocks."""
    bits = f"{int.from_bytes(part, 'big'):0{8 * len(part)}b}" + "1" * _WINDOW
    position = 0
    for _ in range(units):
        for first, others in blocks:
            position = _block_end(bits, position, first, others)
        if position > 8 * len(part):
            raise Unreadable("is damaged: a JPEG whose bits end before its last pixel")
    if (left := len(part) - -(-position // 8)) > _MOST_LEFT:
        raise Unreadable(f"is damaged: a JPEG with {left} bytes that aren't pixels")


def _block_end(bits: str, position: int, first: Table, others: Table) -> int:
    """The end of the block that starts at `position`: its mean, and up to 63 more coefficients."""
    length, symbol = first[int(bits[position : position + _WINDOW] or "0", 2)]
    position += length + symbol
    coefficient = 1
    while coefficient < 64 and length:
        length, symbol = others[int(bits[position : position + _WINDOW] or "0", 2)]
        position += length + (symbol & 15)
        if symbol & 15 == 0 and symbol != 0xF0:  # end of block, or an invalid code
            break
        coefficient += 1 + (symbol >> 4)
    if not length or coefficient > 64:
        raise Unreadable("is damaged: a JPEG with bits that aren't pixels")
    return position
