"""The commonest lines of JSON, flat objects with the same keys in the same order, told by arithmetic over their bytes.

    flat = flat_lines(lines, columns)       # None where they are any other, which says nothing against them
    flat.rows, flat.names

A line with one `{`, its first byte, and one `}`, its last, is one object or broken: nothing can follow the object. And
each key of such a line, however its values look, ends in a quote and a colon, which within a string would be escaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import types as T

from laketrain.clean.reading.encoding import is_valid_utf8

Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_WORD = 8
_NUMBER = 3 * _WORD
"""Bytes of a number that are looked at: no shorter one is beyond a float but by its exponent."""
_LOW, _HIGH, _SMALL, _E = (np.uint64(int.from_bytes(bytes([byte] * _WORD), "little"))
                           for byte in (1, 128, 32, ord("e")))

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)


@dataclass(frozen=True)
class Flat:
    """So many lines, each with these keys."""

    rows: int
    names: tuple[str, ...]


def flat_lines(lines: bytes, columns: T.StructType) -> Flat | None:
    """What the lines are, if each is a flat object as the first one is, of which Spark loses nothing in the types of
    `columns`; None otherwise, and where that would be too long a look."""
    if not lines.endswith(b"\n") or any(mark in lines for mark in (b"\r", b"\0", b"[")) or not is_valid_utf8(lines):
        return None
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1])
    if any(np.count_nonzero(data == ord(bracket)) != len(ends) for bracket in "{}") or (ends - starts < 2).any():
        return None
    if not ((data[starts] == ord("{")) & (data[ends - 1] == ord("}"))).all():
        return None
    if (data[np.flatnonzero(data == ord("\\")) + 1] == ord("u")).any():
        return None  # it may be half of a surrogate pair
    names = _names(lines[:ends[0]])
    colons = _key_colons(data, starts, ends, len(names)) if names else None
    if colons is None:
        return None
    words, keys = _words(lines + bytes(_NUMBER)), [_written(name) for name in names]
    if not all(_are_all(words, colons[:, index], key) for index, key in enumerate(keys)):
        return None
    spans = dict(zip(names, _values(colons, ends, keys), strict=True))
    if any(field.name in spans and _may_lose(words, *spans[field.name], field.dataType) for field in columns):
        return None
    return Flat(len(ends), names)


def _names(line: bytes) -> tuple[str, ...]:
    """The keys of a line, if each is written plainly; none otherwise."""
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except ValueError:
        return ()
    names = tuple(name for name, _ in pairs)
    plain = len(set(names)) == len(names) and all(_written(name) in line for name in names)
    return names if plain else ()


def _written(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode() + b":"


def _key_colons(data: npt.NDArray[np.uint8], starts: Places, ends: Places, keys: int) -> Places | None:
    """(lines, keys) the places of the colons behind keys; None where lines have another number of them, or where a
    colon may be behind a key that isn't seen."""
    colons = np.flatnonzero(data == ord(":"))
    before = data[colons - 1]
    if ((before == ord(" ")) | (before == ord("\t")) | (before == ord("'"))).any():
        return None
    colons = colons[before == ord('"')]
    if len(colons) != len(ends) * keys or (data[colons - 2] == ord("\\")).any():
        return None
    colons = colons.reshape(len(ends), keys)
    return colons if ((colons[:, 0] > starts) & (colons[:, -1] < ends)).all() else None


def _words(data: bytes) -> Words:
    """The eight bytes from each place on, the first one lowest."""
    return np.ndarray((len(data) - _WORD + 1,), "<u8", data, strides=(1,))


def _are_all(words: Words, colons: Places, written: bytes) -> bool:
    """Whether the bytes up to and with each colon are those of `written`."""
    begins = colons + 1 - len(written)
    if begins[0] < 0:
        return False
    for at in range(0, len(written), _WORD):
        part = written[at:at + _WORD]
        mask = np.uint64((1 << 8 * len(part)) - 1)
        if ((words[begins + at] & mask) != np.uint64(int.from_bytes(part, "little"))).any():
            return False
    return True


def _values(colons: Places, ends: Places, keys: Sequence[bytes]) -> list[tuple[Places, Places]]:
    """Of each key, where its values begin and how long they are, with the comma that follows them."""
    begins = colons + 1
    stops = [*(begins[:, index + 1] - len(key) for index, key in enumerate(keys[1:])), ends - 1]
    return [(begins[:, index], stop - begins[:, index]) for index, stop in enumerate(stops)]


def _may_lose(words: Words, begins: Places, sizes: Places, kind: T.DataType) -> bool:
    """Whether Spark may lose a part of some value of a column."""
    if isinstance(kind, (T.StringType, T.BooleanType, T.IntegralType)):
        return False
    if not isinstance(kind, (T.FloatType, T.DoubleType)) or (sizes > _NUMBER).any():
        return True
    return any(_has_e(words[begins + at], sizes - at) for at in range(0, _NUMBER, _WORD))


def _has_e(words: Words, sizes: Places) -> bool:
    """Whether an e, of either size, is among the first `sizes` bytes of some word."""
    differ = (words | _SMALL) ^ _E
    matches = (differ - _LOW) & ~differ & _HIGH  # the lowest bit is in the first byte that is an e
    return bool((matches & _MASKS[np.clip(sizes, 0, _WORD)]).any())
