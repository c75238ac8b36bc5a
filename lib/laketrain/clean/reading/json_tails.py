r"""Lines of JSON that hold something beside one object, found at the speed of reading.

    odd, blank = odd_and_blank(lines)     # of each line

Spark's reader takes the first value of a line and is silent about what follows it: `{"id":1}{"id":2}` is a row of 1. So
every line's first object is followed to its closing bracket here, by arithmetic over the bytes of a whole block.
A line that is broken before that bracket isn't odd: Spark refuses it by itself. The answer errs to one side only: what
isn't odd is one object, broken or blank.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from laketrain.clean.reading.encoding import is_valid_utf8

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_OPEN, _CLOSE, _SINGLE = 1, 2, 3
_KINDS = np.zeros(256, np.uint8)
_KINDS[[ord("{"), ord("[")]] = _OPEN
_KINDS[[ord("}"), ord("]")]] = _CLOSE
_KINDS[ord("'")] = _SINGLE
_BLANK = np.zeros(256, np.bool_)
_BLANK[[ord(character) for character in " \t\r\n"]] = True
_MARGIN = 16
"""Blanks at either end of a line that are looked past; a line with more of them is odd, and read the slow way."""

HALF = (r"\\u[dD](?:[89abAB][0-9A-Fa-f]{2}(?!\\u[dD][c-fC-F])"
        r"|(?<!\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD])[c-fC-F][0-9A-Fa-f]{2})")
"""An escaped half of a surrogate pair without its other half: no character, of which Spark makes a question mark.
A pattern of Python's and of Java's."""
_HALF = re.compile(HALF.encode())


def odd_and_blank(lines: bytes) -> tuple[Flags, Flags]:
    """Whether each line is odd, and whether it is blank. All are odd where one holds what is no character, or where a
    carriage return alone, which ends a line of Spark's, is among them."""
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    bounds = np.unique(np.concatenate([[0], ends, [len(data)]]))
    odd, blank = odd_lines(data, bounds)
    if lines.count(b"\r") != lines.count(b"\r\n") or _HALF.search(lines) or not is_valid_utf8(lines):
        odd = np.ones_like(odd)
    return odd, blank


def odd_lines(data: Bytes, ends: Places) -> tuple[Flags, Flags]:
    """Of n lines, whether each is odd, and whether it is blank.

    Args:
        data: the lines' bytes, one after the other. ends: (n + 1,) where each begins, and where the last one ends.
    """
    starts, stops = ends[:-1], ends[1:]
    first, last = _trimmed(data, starts, stops)
    blank = last < first
    odd = np.zeros(len(starts), np.bool_)
    full = np.flatnonzero(~blank)
    odd[full] = data[first[full]] != ord("{")

    kinds = _KINDS[data]
    marks = np.flatnonzero(kinds)
    kinds = kinds[marks]
    begins = np.searchsorted(marks, ends)
    line = np.repeat(np.arange(len(starts)), np.diff(begins))

    before = _quotes_before(data, starts)
    outside = (before[marks] ^ before[starts[line]]) & 1 == 0
    odd[line[outside & (kinds == _SINGLE)]] = True
    steps = np.where(outside, (kinds == _OPEN).astype(np.int64) - (kinds == _CLOSE), 0)
    total = np.r_[0, np.cumsum(steps)]
    depth = total[1:] - total[begins[:-1]][line]
    closing = np.flatnonzero((depth <= 0) & outside & (kinds == _CLOSE))
    # Its first such bracket is the end of a line's first value.
    closing = closing[np.r_[True, np.diff(line[closing]) > 0]] if len(closing) else closing
    odd[line[closing]] |= marks[closing] < last[line[closing]]
    return odd, blank


def _quotes_before(data: Bytes, starts: Places) -> Bytes:
    """How many quotes that open or close a string stand before each byte, modulo 256: odd within strings."""
    quotes = data == ord('"')
    quotes[_escaped(data, starts)] = False
    return np.cumsum(quotes, dtype=np.uint8) - quotes


def _trimmed(data: Bytes, starts: Places, stops: Places) -> tuple[Places, Places]:
    """Where each line's text begins and where its last character is, blanks left out; before its begin if it has
    none."""
    first, last = starts.copy(), stops - 1
    for _ in range(_MARGIN):
        more = np.flatnonzero(first < stops)
        more = more[_BLANK[data[first[more]]]]
        first[more] += 1
        less = np.flatnonzero(last >= first)
        less = less[_BLANK[data[last[less]]]]
        last[less] -= 1
        if not len(more) and not len(less):
            break
    return first, last


def _escaped(data: Bytes, starts: Places) -> Places:
    """The places behind an odd number of backslashes, on the same line."""
    slashes = np.flatnonzero(data == ord("\\"))
    if not len(slashes):
        return slashes
    # A run of backslashes ends with its line: the next line's begin is escaped by none.
    new = np.r_[True, np.diff(slashes) > 1] | np.isin(slashes, starts, assume_unique=False)
    heads = np.flatnonzero(new)
    lengths = np.diff(np.r_[heads, len(slashes)])
    behind = slashes[heads] + lengths
    escaped: Places = behind[(lengths % 2 == 1) & (behind < len(data))]
    return escaped[~np.isin(escaped, starts)]
