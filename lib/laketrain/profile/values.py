"""Which values a column has and how often, in bounded memory, and alike however the rows were cut.

    values = Values(most=1000)
    values.add(hashes, label=lambda row: str(column[row]))
    values.distinct                                   # (number, whether it is exact)

Up to `most` distinct values are counted one by one. Beyond, sketches remain that add up alike in any order: HyperLogLog
registers (a maximum each) for how many there are, and two rows of cells (a sum each) that tell which values may be
frequent, so that a second look at the rows can count just those.
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

MOST = 1000
"""Distinct values up to which all are counted one by one, unless a narrow table has room for more, or a wide one for
fewer."""
FREQUENT = 0.002
"""The share of the rows from which on a value of a column with many is counted."""

_BITS, _REGISTER_BITS = 12, 14
_CELLS, _REGISTERS = 1 << _BITS, 1 << _REGISTER_BITS
_REST = 64 - _REGISTER_BITS


class Values:
    """Counts by the values' 64-bit hashes. `counts` is None once there are more than `most`."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.counts: dict[int, int] | None = {}
        self.labels: dict[int, str] = {}
        self.registers = np.zeros(_REGISTERS, np.int64)
        self.cells = np.zeros((2, _CELLS), np.int64)

    def add(self, hashes: Ints, label: Callable[[int], str]) -> None:
        """Counts rows by their hash; `label` says the value of the row of that place."""
        found, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        if self.counts is not None:
            new = [place for place, key in enumerate(found.tolist()) if key not in self.counts]
            if len(self.counts) + len(new) <= self.most:
                self.labels.update({int(found[place]): label(int(first[place])) for place in new})
                _add(self.counts, zip(found.tolist(), counts.tolist(), strict=True))
                return
            self._spill()
        self._sketch(found, counts)

    def merge(self, other: Values) -> None:
        """Adds what another part of the rows holds."""
        if self.counts is not None and other.counts is not None:
            _add(self.counts, other.counts.items())
            self.labels.update(other.labels)
            if len(self.counts) > self.most:
                self._spill()
            return
        self._spill()
        other._spill()
        self.registers = np.maximum(self.registers, other.registers)
        self.cells += other.cells

    @property
    def distinct(self) -> tuple[int, bool]:
        """How many values there are, and whether that is exact."""
        if self.counts is not None:
            return len(self.counts), True
        return max(self.most + 1, round(_estimate(self.registers))), False

    def frequent_cells(self, rows: int) -> list[list[int]]:
        """Of each row of cells those in which a value of at least FREQUENT of `rows` may be; empty where all values
        are counted."""
        if self.counts is not None:
            return [[], []]
        return [np.flatnonzero(cells >= threshold(rows)).tolist() for cells in self.cells]

    def ranked(self) -> list[tuple[str, int]]:
        """Label and rows, the most frequent first; none where there are too many."""
        return ranked({self.labels[key]: rows for key, rows in (self.counts or {}).items()}.items())

    def to_json(self) -> dict[str, Any]:
        if self.counts is not None:
            return {"most": self.most, "values": [[key, rows, self.labels[key]] for key, rows in self.counts.items()]}
        return {"most": self.most, "registers": _packed(self.registers), "cells": _packed(self.cells)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Values:
        found = cls(data["most"])
        if "values" in data:
            found.counts = {key: rows for key, rows, _ in data["values"]}
            found.labels = {key: label for key, _, label in data["values"]}
        else:
            found.counts = None
            found.registers = _unpacked(data["registers"])
            found.cells = _unpacked(data["cells"]).reshape(2, _CELLS)
        return found

    def _spill(self) -> None:
        if self.counts:
            self._sketch(np.array(list(self.counts), np.int64), np.array(list(self.counts.values()), np.int64))
        self.counts, self.labels = None, {}

    def _sketch(self, hashes: Ints, counts: Ints) -> None:
        bits = hashes.view(np.uint64)
        rest = (bits & np.uint64((1 << _REST) - 1)).astype(np.float64)
        _, length = np.frexp(rest)
        np.maximum.at(self.registers, (bits >> np.uint64(_REST)).astype(np.int64), _REST - length + 1)
        for row, cells in enumerate(cells_of(hashes)):
            np.add.at(self.cells[row], cells, counts)


def cells_of(hashes: Ints) -> tuple[Ints, Ints]:
    """The cell of each hash in both rows."""
    return hashes & (_CELLS - 1), (hashes >> _BITS) & (_CELLS - 1)


def threshold(rows: int) -> int:
    """How often a value must be there to be called frequent."""
    return max(2, math.ceil(FREQUENT * rows))


def ranked(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The most frequent first, those alike by their text."""
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _add(into: dict[int, int], pairs: Iterable[tuple[int, int]]) -> None:
    for key, rows in pairs:
        into[key] = into.get(key, 0) + rows


def _packed(counts: Ints) -> str:
    """Mostly small numbers, as text that JSON holds."""
    return base64.b64encode(zlib.compress(counts.astype("<i8").tobytes(), 1)).decode()


def _unpacked(text: str) -> Ints:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8").astype(np.int64)


def _estimate(registers: Ints) -> float:
    """HyperLogLog (Flajolet et al. 2007) with linear counting while many registers are empty; 0.8 % on average."""
    empty = int(np.sum(registers == 0))
    raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / float(np.sum(0.5 ** registers))
    return _REGISTERS * math.log(_REGISTERS / empty) if empty and raw <= 2.5 * _REGISTERS else raw
