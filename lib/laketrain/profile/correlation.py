"""Pearson's r of each pair of numeric columns, over the rows in which both are finite.

    pairs = PairSums(len(columns))
    pairs.add(quantize(values, centre, width))         # (rows, columns), NaN where a number is missing
    pairs.r

Numbers are first quantized to integers of 21 bits between the column's minimum and maximum. Every sum of products over
a block of rows is then an integer that a float64 holds exactly, so fast matrix products give the same sums however
Spark partitions the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAX_COLUMNS = 40
_SCALE = float(1 << 20)
_BLOCK_ROWS = 1 << 12
_SUMS = ("rows", "sums", "squares", "products")


def quantize(values: Floats, centre: Floats, width: Floats) -> Floats:
    """(rows, columns) numbers as integers from -2^20 to 2^20: the distance to the column's `centre`, in parts of the
    `width`, which no distance exceeds. Numbers that aren't finite become NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        quantized = np.clip(np.rint((values - centre) / width * _SCALE), -_SCALE, _SCALE)
    return np.where(np.isfinite(values), quantized, np.nan)


class PairSums:
    """Exact sums over the rows in which both of a pair are finite. Entry [first, second] sums the first column."""

    def __init__(self, columns: int) -> None:
        self._sums = {name: np.zeros((columns, columns), object) for name in _SUMS}

    def add(self, quantized: Floats) -> None:
        """Adds (rows, columns) quantized numbers."""
        for start in range(0, len(quantized), _BLOCK_ROWS):
            block = quantized[start : start + _BLOCK_ROWS]
            finite = np.isfinite(block)
            numbers, ones = np.where(finite, block, 0.0), finite.astype(np.float64)
            for name, first, second in (("rows", ones, ones), ("sums", numbers, ones),
                                        ("squares", numbers * numbers, ones), ("products", numbers, numbers)):
                self._sums[name] += (first.T @ second).astype(np.int64).astype(object)

    def merge(self, other: PairSums) -> None:
        """Adds the sums of other rows."""
        for name in _SUMS:
            self._sums[name] += other._sums[name]

    @property
    def r(self) -> list[list[float | None]]:
        """The symmetric matrix, 1 on the diagonal; None where one of a pair doesn't vary in the rows that both have."""
        columns = len(self._sums["rows"])
        return [[1.0 if row == column else self._r(max(row, column), min(row, column)) for column in range(columns)]
                for row in range(columns)]

    def _r(self, i: int, j: int) -> float | None:
        rows = self._sums["rows"][i, j]
        first, second = self._sums["sums"][i, j], self._sums["sums"][j, i]
        spread = ((rows * self._sums["squares"][i, j] - first * first)
                  * (rows * self._sums["squares"][j, i] - second * second))
        if spread <= 0:
            return None
        covariance = rows * self._sums["products"][i, j] - first * second
        # A quotient of integers of any size, which may exceed a float's range.
        return max(-1.0, min(1.0, covariance / math.isqrt(spread)))

    def to_json(self) -> dict[str, Any]:
        return {name: sums.tolist() for name, sums in self._sums.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PairSums:
        pairs = cls(0)
        pairs._sums = {name: np.array(data[name], object).reshape(len(data[name]), -1) for name in _SUMS}
        return pairs
