"""Counts of a column's values in bounded memory, independent of how Spark partitions the rows.

    values = ValueCounts(limit=1000)
    values.add(hashes, label=lambda row: str(column[row]))
    values.distinct                                   # (number, whether it is exact)

Up to `limit` distinct values are counted exactly. Beyond that, sketches replace the counts: HyperLogLog registers
(maxima) for the number of distinct values, and a count-min sketch of two rows of cells (sums) that bounds the frequency
of a value, so that the second pass counts only candidates. Both merge in any order.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

MAX_COUNTED = 1000
"""Distinct values up to which all are counted exactly; more in narrow tables, fewer in wide ones."""
FREQUENT = 0.002
"""The share of the rows from which a value counts as frequent, in a column with many values."""

_BITS, _REGISTER_BITS = 12, 14
_CELLS, _REGISTERS = 1 << _BITS, 1 << _REGISTER_BITS
_REST_BITS = 64 - _REGISTER_BITS


class ValueCounts:
    """Counts by the values' 64-bit hashes. `counts` is None once there are more than `limit`."""

    def __init__(self, limit: int = MAX_COUNTED) -> None:
        self.limit = limit
        self.counts: dict[int, int] | None = {}
        self.labels: dict[int, str] = {}
        self.registers = np.zeros(_REGISTERS, np.int64)
        self.cells = np.zeros((2, _CELLS), np.int64)

    def add(self, hashes: Ints, label: Callable[[int], str]) -> None:
        """Counts rows by their hash. `label` returns the value of a row as text."""
        keys, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        if self.counts is not None:
            new = [index for index, key in enumerate(keys.tolist()) if key not in self.counts]
            if len(self.counts) + len(new) <= self.limit:
                self.labels.update({int(keys[index]): label(int(first[index])) for index in new})
                _add(self.counts, zip(keys.tolist(), counts.tolist(), strict=True))
                return
            self._spill()
        self._sketch(keys, counts)

    def merge(self, other: ValueCounts) -> None:
        """Adds the counts of other rows."""
        if self.counts is not None and other.counts is not None:
            _add(self.counts, other.counts.items())
            self.labels.update(other.labels)
            if len(self.counts) > self.limit:
                self._spill()
            return
        self._spill()
        other._spill()
        self.registers = np.maximum(self.registers, other.registers)
        self.cells += other.cells

    @property
    def distinct(self) -> tuple[int, bool]:
        """The number of distinct values, and whether it is exact."""
        if self.counts is not None:
            return len(self.counts), True
        return max(self.limit + 1, round(_estimate(self.registers))), False

    def frequent_cells(self, rows: int) -> list[list[int]]:
        """The cells, of both rows of the sketch, that may contain a value with at least FREQUENT of `rows`; empty where
        all values are counted."""
        if self.counts is not None:
            return [[], []]
        return [np.flatnonzero(cells >= threshold(rows)).tolist() for cells in self.cells]

    def ranked(self) -> list[tuple[str, int]]:
        """Labels and rows, the most frequent first; empty where there are too many."""
        return ranked({self.labels[key]: rows for key, rows in (self.counts or {}).items()}.items())

    def to_json(self) -> dict[str, Any]:
        if self.counts is not None:
            return {"limit": self.limit, "values": [[key, rows, self.labels[key]] for key, rows in self.counts.items()]}
        return {"limit": self.limit, "registers": _pack(self.registers), "cells": _pack(self.cells)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ValueCounts:
        values = cls(data["limit"])
        if "values" in data:
            values.counts = {key: rows for key, rows, _ in data["values"]}
            values.labels = {key: label for key, _, label in data["values"]}
        else:
            values.counts = None
            values.registers = _unpack(data["registers"])
            values.cells = _unpack(data["cells"]).reshape(2, _CELLS)
        return values

    def _spill(self) -> None:
        if self.counts:
            self._sketch(np.array(list(self.counts), np.int64), np.array(list(self.counts.values()), np.int64))
        self.counts, self.labels = None, {}

    def _sketch(self, hashes: Ints, counts: Ints) -> None:
        bits = hashes.view(np.uint64)
        rest = (bits & np.uint64((1 << _REST_BITS) - 1)).astype(np.float64)
        _, length = np.frexp(rest)
        np.maximum.at(self.registers, (bits >> np.uint64(_REST_BITS)).astype(np.int64), _REST_BITS - length + 1)
        for row, cells in enumerate(cells_of(hashes)):
            np.add.at(self.cells[row], cells, counts)


def cells_of(hashes: Ints) -> tuple[Ints, Ints]:
    """The cell of each hash, in both rows of the sketch."""
    return hashes & (_CELLS - 1), (hashes >> _BITS) & (_CELLS - 1)


def threshold(rows: int) -> int:
    """The number of rows from which a value counts as frequent."""
    return max(2, math.ceil(FREQUENT * rows))


def ranked(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Sorts by descending rows, then by text."""
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _add(into: dict[int, int], pairs: Iterable[tuple[int, int]]) -> None:
    for key, rows in pairs:
        into[key] = into.get(key, 0) + rows


def _pack(counts: Ints) -> str:
    """Compresses mostly small numbers to text for JSON."""
    return base64.b64encode(zlib.compress(counts.astype("<i8").tobytes(), 1)).decode()


def _unpack(text: str) -> Ints:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8").astype(np.int64)


def _estimate(registers: Ints) -> float:
    """HyperLogLog (Flajolet et al. 2007) with linear counting while many registers are empty; mean error 0.8 %."""
    empty = int(np.sum(registers == 0))
    raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / float(np.sum(0.5 ** registers))
    return _REGISTERS * math.log(_REGISTERS / empty) if empty and raw <= 2.5 * _REGISTERS else raw
