"""Whether a JPEG that libjpeg-turbo has no name for holds all its bits: each is read here, slowly, for few have to.

    check_scan(data)

It is for files whose colours are sampled in odd ways (3×1, …), in one scan of Huffman codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from laketrain.features.codecs.header import Unreadable

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_MOST_LEFT = 16  # bytes that some cameras write behind the last bit
_SIMPLE = (0xC0, 0xC1)  # frames of Huffman codes that come in one scan
_WINDOW = 16  # bits of the longest code
# Of each 16 bits that may come next, how many of them are a code, and the symbol that it stands for.
Table = list[tuple[int, int]]
_NO_CODE = (0, 0)


@dataclass
class _Frame:
    """`sampling`: of each component its blocks in a row and in a column; `tables` by class and number."""

    width: int = 0
    height: int = 0
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)
    restart: int = 0


def is_supported(data: bytes) -> bool:
    """Whether it is of the kind that is read here, as far as its headers tell."""
    try:
        frame, scan = _headers(data)
    except (IndexError, ValueError):
        return False
    count = data[scan + 4]
    selectors = data[scan + 5 : scan + 5 + 2 * count]
    tables = {one >> 4 for one in selectors[1::2]} | {16 | one & 15 for one in selectors[1::2]}
    return count > 1 and sorted(frame.sampling) == sorted(selectors[::2]) and tables <= set(frame.tables)


def check_scan(data: bytes) -> None:
    """Raises Unreadable where the bits are fewer or others than the size says. For files that `is_supported`."""
    frame, scan = _headers(data)
    count = data[scan + 4]
    blocks = []
    for place in range(scan + 5, scan + 5 + 2 * count, 2):
        across, down = frame.sampling[data[place]]
        pair = (frame.tables[data[place + 1] >> 4], frame.tables[16 | data[place + 1] & 15])
        blocks += [pair] * (across * down)
    parts = _parts(data, scan + 8 + 2 * count)
    units = _units(frame)
    each = frame.restart or units
    if len(parts) != -(-units // each):
        raise Unreadable(f"is damaged: a JPEG of {len(parts)} parts between restarts, of {-(-units // each)}")
    for number, part in enumerate(parts):
        _read(part, blocks, min(each, units - number * each))


def _headers(data: bytes) -> tuple[_Frame, int]:
    """What comes before the pixels, and where their scan begins; a ValueError where it is another kind of file."""
    frame, place = _Frame(), 2
    while (marker := data[place + 1]) != 0xDA:
        if marker == 0xFF:
            place += 1
            continue
        size = data[place + 2] << 8 | data[place + 3]
        segment = data[place + 4 : place + 2 + size]
        if marker in _SIMPLE:
            frame.height, frame.width = segment[1] << 8 | segment[2], segment[3] << 8 | segment[4]
            frame.sampling = {segment[at]: (segment[at + 1] >> 4, segment[at + 1] & 15)
                              for at in range(6, 6 + 3 * segment[5], 3)}
        elif marker == 0xC4:
            _note_tables(segment, frame.tables)
        elif 0xC2 <= marker <= 0xCF:
            raise ValueError("another kind of frame")
        elif marker == 0xDD:
            frame.restart = segment[0] << 8 | segment[1]
        place += 2 + size
    return frame, place


def _note_tables(segment: bytes, tables: dict[int, Table]) -> None:
    """Codes are numbered in their order: each length goes on where the one before has ended."""
    while segment:
        counts, symbols = segment[1:17], iter(segment[17:])
        table: Table = []
        for length, count in enumerate(counts, 1):
            for symbol in islice(symbols, count):
                table += [(length, symbol)] * (1 << _WINDOW - length)
        tables[segment[0]] = (table + [_NO_CODE] * (1 << _WINDOW))[: 1 << _WINDOW]
        segment = segment[17 + sum(counts) :]


def _units(frame: _Frame) -> int:
    """Groups of blocks, of which each has those of all components."""
    across = max(size[0] for size in frame.sampling.values())
    down = max(size[1] for size in frame.sampling.values())
    return -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))


def _parts(data: bytes, start: int) -> list[bytes]:
    """The scan's bytes between restarts, without those that stand behind each FF."""
    end = _END.search(data, start)
    return [part.replace(b"\xff\0", b"\xff") for part in _RESTART.split(data[start : end.start() if end else None])]


def _read(part: bytes, blocks: list[tuple[Table, Table]], units: int) -> None:
    """Reads `units` groups of blocks, and knows then whether the part has just their bits."""
    bits = f"{int.from_bytes(part, 'big'):0{8 * len(part)}b}" + "1" * _WINDOW
    place = 0
    for _ in range(units):
        for first, others in blocks:
            place = _block_end(bits, place, first, others)
        if place > 8 * len(part):
            raise Unreadable("is damaged: a JPEG whose bits end before its last pixel")
    if (left := len(part) - -(-place // 8)) > _MOST_LEFT:
        raise Unreadable(f"is damaged: a JPEG with {left} bytes that are no pixels")


def _block_end(bits: str, place: int, first: Table, others: Table) -> int:
    """Where the bits of a block end that begins at `place`: its mean, and up to 63 more values."""
    length, symbol = first[int(bits[place : place + _WINDOW] or "0", 2)]
    place += length + symbol
    coefficient = 1
    while coefficient < 64 and length:
        length, symbol = others[int(bits[place : place + _WINDOW] or "0", 2)]
        place += length + (symbol & 15)
        if symbol & 15 == 0 and symbol != 0xF0:  # the end of the block, or no code
            break
        coefficient += 1 + (symbol >> 4)
    if not length or coefficient > 64:
        raise Unreadable("is damaged: a JPEG with bits that are no pixels")
    return place
