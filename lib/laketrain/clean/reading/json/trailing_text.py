r"""Finds JSON lines that contain more than one object, as fast as they are read.

    suspect, blank = classify_lines(lines)     # (lines,) each

Spark's reader parses the first value of a line and ignores what follows: `{"id":1}{"id":2}` is a row of 1. So the
end of each line's first object is located here, with NumPy over the bytes of a whole block. A line that is broken
before that end isn't suspect, as Spark rejects it. A line that isn't suspect is one object, broken or blank; a suspect
line may still be valid.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from laketrain.clean.reading.encoding import is_valid_utf8

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_OPEN, _CLOSE, _SINGLE = 1, 2, 3
_KINDS = np.zeros(256, np.uint8)
_KINDS[[ord("{"), ord("[")]] = _OPEN
_KINDS[[ord("}"), ord("]")]] = _CLOSE
_KINDS[ord("'")] = _SINGLE
_BLANK = np.zeros(256, np.bool_)
_BLANK[[ord(character) for character in " \t\r\n"]] = True
_MARGIN = 16
"""Blanks that are skipped at either end of a line; a line with more is suspect, so that it is parsed on its own."""

LONE_SURROGATE = (r"\\u[dD](?:[89abAB][0-9A-Fa-f]{2}(?!\\u[dD][c-fC-F])"
                  r"|(?<!\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD])[c-fC-F][0-9A-Fa-f]{2})")
"""Matches an escaped half of a surrogate pair without its other half, in Python's and Java's regular expressions. It
isn't a character; Spark replaces it by a question mark."""
_LONE_SURROGATE = re.compile(LONE_SURROGATE.encode())


def classify_lines(lines: bytes) -> tuple[Flags, Flags]:
    """Whether each line is suspect, and whether it is blank.

    All are suspect if one contains bytes or escapes that aren't characters, or a single carriage return, which ends a
    line in Spark.
    """
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    bounds = np.unique(np.concatenate([[0], ends, [len(data)]]))
    suspect, blank = _classify(data, bounds)
    if lines.count(b"\r") != lines.count(b"\r\n") or _LONE_SURROGATE.search(lines) or not is_valid_utf8(lines):
        suspect = np.ones_like(suspect)
    return suspect, blank


def _classify(data: Bytes, bounds: Offsets) -> tuple[Flags, Flags]:
    """Whether each of n lines is suspect, and whether it is blank.

    Args:
        data: the lines' bytes, one after the other. bounds: (n + 1,) where each begins, and where the last one ends.
    """
    starts, stops = bounds[:-1], bounds[1:]
    first, last = _trimmed(data, starts, stops)
    blank = last < first
    suspect = np.zeros(len(starts), np.bool_)
    full = np.flatnonzero(~blank)
    suspect[full] = data[first[full]] != ord("{")

    kinds = _KINDS[data]
    marks = np.flatnonzero(kinds)
    kinds = kinds[marks]
    begins = np.searchsorted(marks, bounds)
    line = np.repeat(np.arange(len(starts)), np.diff(begins))

    quotes = _quotes_before(data, starts)
    outside_string = (quotes[marks] ^ quotes[starts[line]]) & 1 == 0
    suspect[line[outside_string & (kinds == _SINGLE)]] = True
    steps = np.where(outside_string, (kinds == _OPEN).astype(np.int64) - (kinds == _CLOSE), 0)
    total = np.r_[0, np.cumsum(steps)]
    depth = total[1:] - total[begins[:-1]][line]
    closing = np.flatnonzero((depth <= 0) & outside_string & (kinds == _CLOSE))
    # The first such bracket ends the first value of a line.
    closing = closing[np.r_[True, np.diff(line[closing]) > 0]] if len(closing) else closing
    suspect[line[closing]] |= marks[closing] < last[line[closing]]
    return suspect, blank


def _quotes_before(data: Bytes, starts: Offsets) -> Bytes:
    """The number of unescaped quotes before each byte, modulo 256: odd within strings."""
    quotes = data == ord('"')
    quotes[_escaped(data, starts)] = False
    return np.cumsum(quotes, dtype=np.uint8) - quotes


def _trimmed(data: Bytes, starts: Offsets, stops: Offsets) -> tuple[Offsets, Offsets]:
    """The first and last byte of each line's text without blanks; for a blank line, the last is before the first."""
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


def _escaped(data: Bytes, starts: Offsets) -> Offsets:
    """The offsets after an odd number of backslashes on the same line."""
    slashes = np.flatnonzero(data == ord("\\"))
    if not len(slashes):
        return slashes
    # A run of backslashes ends with its line: it doesn't escape the start of the next line.
    is_head = np.r_[True, np.diff(slashes) > 1] | np.isin(slashes, starts, assume_unique=False)
    heads = np.flatnonzero(is_head)
    lengths = np.diff(np.r_[heads, len(slashes)])
    following = slashes[heads] + lengths
    escaped: Offsets = following[(lengths % 2 == 1) & (following < len(data))]
    return escaped[~np.isin(escaped, starts)]
