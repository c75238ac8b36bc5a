"""Recognises the commonest JSON lines, flat objects with the same keys in the same order, with NumPy over their bytes.

    flat = match_flat_lines(lines, columns)       # None for any other lines, which may be valid, too
    flat.rows, flat.names

A line with a single `{`, its first byte, and a single `}`, its last, is one object or broken: nothing can follow the
object. Each key of such a line ends in a quote and a colon; within a string the quote would be escaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import types as T

from laketrain.clean.reading.encoding import is_valid_utf8

Offsets = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_WORD = 8
_NUMBER = 3 * _WORD
"""Bytes of a number that are checked: a shorter one is out of range of a float only by its exponent."""
_LOW, _HIGH, _SMALL, _E = (np.uint64(int.from_bytes(bytes([byte] * _WORD), "little"))
                           for byte in (1, 128, 32, ord("e")))

_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)


@dataclass(frozen=True)
class FlatLines:
    """Lines that all have the same keys."""

    rows: int
    names: tuple[str, ...]


def match_flat_lines(lines: bytes, columns: T.StructType) -> FlatLines | None:
    """The rows and keys of the lines, if each is a flat object like the first one and Spark loses nothing of it in the
    types of `columns`. None otherwise, also if it would take too long to check."""
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
        return None  # may be half of a surrogate pair
    names = _names(lines[:ends[0]])
    colons = _key_colons(data, starts, ends, len(names)) if names else None
    if colons is None:
        return None
    words, keys = _words(lines + bytes(_NUMBER)), [_key_bytes(name) for name in names]
    if not all(_all_equal(words, colons[:, index], key) for index, key in enumerate(keys)):
        return None
    spans = dict(zip(names, _value_spans(colons, ends, keys), strict=True))
    if any(field.name in spans and _may_lose(words, *spans[field.name], field.dataType) for field in columns):
        return None
    return FlatLines(len(ends), names)


def _names(line: bytes) -> tuple[str, ...]:
    """The keys of a line, if each is unique and written without escapes; empty otherwise."""
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except ValueError:
        return ()
    names = tuple(name for name, _ in pairs)
    plain = len(set(names)) == len(names) and all(_key_bytes(name) in line for name in names)
    return names if plain else ()


def _key_bytes(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode() + b":"


def _key_colons(data: npt.NDArray[np.uint8], starts: Offsets, ends: Offsets, keys: int) -> Offsets | None:
    """(lines, keys) the offsets of the colons after keys; None if a line has another number of keys, or if a colon may
    follow a key in another form."""
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
    """The eight bytes from each offset on, little-endian."""
    return np.ndarray((len(data) - _WORD + 1,), "<u8", data, strides=(1,))


def _all_equal(words: Words, colons: Offsets, key: bytes) -> bool:
    """Whether the bytes up to and including each colon equal `key`."""
    begins = colons + 1 - len(key)
    if begins[0] < 0:
        return False
    for offset in range(0, len(key), _WORD):
        part = key[offset:offset + _WORD]
        mask = np.uint64((1 << 8 * len(part)) - 1)
        if ((words[begins + offset] & mask) != np.uint64(int.from_bytes(part, "little"))).any():
            return False
    return True


def _value_spans(colons: Offsets, ends: Offsets, keys: Sequence[bytes]) -> list[tuple[Offsets, Offsets]]:
    """For each key, the offsets and sizes of its values, including the comma or bracket that follows."""
    begins = colons + 1
    stops = [*(begins[:, index + 1] - len(key) for index, key in enumerate(keys[1:])), ends - 1]
    return [(begins[:, index], stop - begins[:, index]) for index, stop in enumerate(stops)]


def _may_lose(words: Words, begins: Offsets, sizes: Offsets, kind: T.DataType) -> bool:
    """Whether Spark may lose a part of some value of a column."""
    if isinstance(kind, (T.StringType, T.BooleanType, T.IntegralType)):
        return False
    if not isinstance(kind, (T.FloatType, T.DoubleType)) or (sizes > _NUMBER).any():
        return True
    return any(_has_exponent(words[begins + offset], sizes - offset) for offset in range(0, _NUMBER, _WORD))


def _has_exponent(words: Words, sizes: Offsets) -> bool:
    """Whether an `e` or `E` is among the first `sizes` bytes of some word."""
    differ = (words | _SMALL) ^ _E
    matches = (differ - _LOW) & ~differ & _HIGH  # the lowest set bit is in the first byte that is an e
    return bool((matches & _MASKS[np.clip(sizes, 0, _WORD)]).any())
