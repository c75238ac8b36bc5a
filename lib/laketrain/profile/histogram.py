"""Statistics and histograms of a column's numbers, or of its lengths.

    numbers = NumberCounts(limit=1000)
    numbers.add(values)                                 # float64, with NaN and infinities
    edges = numbers.edges(step=1)                       # known after the first pass over all rows
    summarize(numbers, bin_counts(numbers, edges), step=1)

Up to `limit` distinct numbers are counted one by one, and all statistics are exact. Beyond that, exact sums
(features/sums.py) and counts by magnitude replace the counts, and a second pass counts the rows in fine equal bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features.sums import describe, tally_of
from laketrain.features.tally import LEAST, MOST, Tally, merge
from laketrain.profile.model import QUANTILES, Histogram, Numbers
from laketrain.profile.values import MAX_COUNTED

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS, FINE_PER_BIN = 40, 50
_HALF_BUCKET = 1 / 512
"""Half a bucket of features/sums.py, relative to its middle."""


class NumberCounts:
    """`counts` by number, None once there are more than `limit`; `totals` then has their sums."""

    def __init__(self, limit: int = MAX_COUNTED) -> None:
        self.limit = limit
        self.counts: dict[float, int] | None = {}
        self.totals: Tally = {}
        self.special: Tally = {"nan": 0, "infinite": 0, "zeros": 0, "negative": 0}

    def add(self, values: Floats) -> None:
        """Counts (n,) numbers without nulls."""
        finite = values[np.isfinite(values)] + 0.0  # -0.0 becomes 0.0
        nan = int(np.isnan(values).sum())
        merge(self.special, {"nan": nan, "infinite": len(values) - len(finite) - nan,
                         "zeros": int((finite == 0).sum()), "negative": int((finite < 0).sum())})
        if self.counts is not None:
            distinct, counts = np.unique(finite, return_counts=True)
            merged = _add(self.counts, dict(zip(distinct.tolist(), counts.tolist(), strict=True)))
            if len(merged) <= self.limit:
                self.counts = merged
                return
            self._spill()
        merge(self.totals, tally_of(finite))

    def merge(self, other: NumberCounts) -> None:
        """Adds the counts of other rows."""
        merge(self.special, other.special)
        if self.counts is not None and other.counts is not None:
            self.counts = _add(self.counts, other.counts)
            if len(self.counts) > self.limit:
                self._spill()
            return
        self._spill()
        other._spill()
        merge(self.totals, other.totals)

    @property
    def rows(self) -> int:
        """The number of finite numbers."""
        return sum(self.counts.values()) if self.counts is not None else self.totals.get("rows", 0)

    def range(self) -> tuple[float, float] | None:
        """The minimum and the maximum; None without a finite number."""
        if self.counts is not None:
            return (min(self.counts), max(self.counts)) if self.counts else None
        summary = describe(self.totals)
        return summary.least, summary.most

    def edges(self, step: int) -> Floats:
        """The edges of at most BINS bins, each of FINE_PER_BIN fine bins; empty without a finite number.

        Args:
            step: the smallest difference of two numbers, so that each bin covers equally many values; 0 for none.
        """
        limits = self.range()
        if limits is None:
            return np.zeros(0)
        low, high = limits
        if low == high:
            return np.array([low, high])
        if step and high - low < 2**52:
            steps = round((high - low) / step) + 1
            width = math.ceil(steps / BINS)
            bins = math.ceil(steps / width)
            return low + np.arange(bins * FINE_PER_BIN + 1, dtype=np.float64) * (width * step / FINE_PER_BIN)
        part = np.linspace(0, 1, BINS * FINE_PER_BIN + 1)
        return np.maximum.accumulate(low * (1 - part) + high * part)

    def to_json(self) -> dict[str, Any]:
        counts = None if self.counts is None else list(self.counts.items())
        return {"limit": self.limit, "special": self.special, "counts": counts, "totals": self.totals}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NumberCounts:
        numbers = cls(data["limit"])
        numbers.special, numbers.totals = dict(data["special"]), dict(data["totals"])
        numbers.counts = None if data["counts"] is None else {float(value): rows for value, rows in data["counts"]}
        return numbers

    def _spill(self) -> None:
        values, rows = np.array(list(self.counts or {})), np.array(list((self.counts or {}).values()))
        for times in np.unique(rows).tolist():
            merge(self.totals, {key: count if key.startswith((LEAST, MOST)) else count * times
                                for key, count in tally_of(values[rows == times]).items()})
        self.counts = None


def bin_values(values: Floats, edges: Floats) -> Ints:
    """Counts the finite values in each bin; the first count is of values below all bins, the last of values above."""
    return np.bincount(_bins_of(values[np.isfinite(values)] + 0.0, edges), minlength=len(edges) + 1).astype(np.int64)


def bin_counts(numbers: NumberCounts, edges: Floats) -> Ints:
    """Like `bin_values`, from the exact counts. Raises ValueError where there are none."""
    if numbers.counts is None:
        raise ValueError("the numbers have no exact counts: bin the rows with bin_values")
    counts = np.zeros(len(edges) + 1, np.int64)
    if numbers.counts:
        bins = _bins_of(np.array(list(numbers.counts)), edges)
        np.add.at(counts, bins, np.array(list(numbers.counts.values())))
    return counts


def _bins_of(finite: Floats, edges: Floats) -> Ints:
    """The bin of each number, 0 below all bins."""
    bins = np.searchsorted(edges, finite, side="right")
    # The last bin includes its upper edge, also where all edges are equal.
    bins[finite == edges[-1]] = len(edges) - 1
    return bins


def summarize(numbers: NumberCounts, fine: Ints | None, step: int, earlier: Ints | None = None) -> Numbers:
    """The statistics for the profile.

    Args:
        fine: counts in the bins of `numbers.edges(step)`; without them there is no histogram, and quantiles are less
            exact.
        earlier: counts in the bins of the previous profile.
    """
    special = {**numbers.special, "earlier": None if earlier is None else earlier.tolist()}
    limits = numbers.range()
    if limits is None:
        return Numbers(count=0, **special)
    edges = numbers.edges(step)
    if numbers.counts is not None:
        mean, std, quantiles = _exact_statistics(numbers.counts)
    else:
        summary = describe(numbers.totals, quantiles=QUANTILES)
        mean, std = summary.mean, summary.std
        quantiles = [_refine_quantile(estimate, part, fine, edges, step, limits)
                     for estimate, part in zip(summary.quantiles, QUANTILES, strict=True)]
    return Numbers(count=numbers.rows, least=limits[0], most=limits[1], mean=_finite(mean), std=_finite(std),
                   quantiles={f"{part:g}": value for part, value in zip(QUANTILES, quantiles, strict=True)},
                   exact=numbers.counts is not None, histogram=_histogram(edges, fine), **special)


def _histogram(edges: Floats, fine: Ints | None) -> Histogram | None:
    """Merges the fine bins into those that the profile shows."""
    if fine is None:
        return None
    step = FINE_PER_BIN if len(edges) > 2 else 1
    return Histogram(edges=edges[::step].tolist(), counts=fine[1:-1].reshape(-1, step).sum(1).tolist())


def _exact_statistics(counts: Mapping[float, int]) -> tuple[float, float, list[float]]:
    """Mean, standard deviation, and quantiles by NumPy's default method."""
    values = np.array(sorted(counts))
    times = np.array([counts[value] for value in values.tolist()])
    upto, rows = np.cumsum(times), int(times.sum())
    mean, std = _moments(values, times)

    def at(rank: int) -> float:
        return float(values[np.searchsorted(upto, rank, side="right")])

    quantiles = []
    for part in QUANTILES:
        position = part * (rows - 1)
        low, high = at(math.floor(position)), at(math.ceil(position))
        share = position - math.floor(position)
        quantiles.append(low if low == high else low * (1 - share) + high * share)
    return mean, std, quantiles


def _moments(values: Floats, times: Ints) -> tuple[float, float]:
    """Mean and standard deviation of sorted values with their counts, scaled by their range so that nothing
    overflows."""
    halves = values / 2 - values[0] / 2
    scale = math.ldexp(1.0, max(-1000, math.frexp(float(halves[-1]))[1] - 1))
    parts, rows = halves / scale, int(times.sum())
    mean = math.fsum(parts * times) / rows
    variance = math.fsum((parts - mean) ** 2 * times) / rows
    return 2 * (float(values[0]) / 2 + scale * mean), 2 * scale * math.sqrt(variance)


def _refine_quantile(estimate: float, part: float, fine: Ints | None, edges: Floats, step: int,
                     limits: tuple[float, float]) -> float:
    """The middle of the overlap of the estimate's bucket and the quantile's fine bin."""
    low = max(estimate - abs(estimate) * _HALF_BUCKET, limits[0])
    high = min(estimate + abs(estimate) * _HALF_BUCKET, limits[1])
    if fine is not None:
        rank = math.floor(part * (int(fine[1:-1].sum()) - 1))
        index = int(np.searchsorted(np.cumsum(fine[1:-1]), rank, side="right"))
        low, high = max(low, float(edges[index])), min(high, float(edges[index + 1]))
    middle = low / 2 + high / 2
    return limits[0] + round((middle - limits[0]) / step) * step if step else middle


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _add(counts: Mapping[float, int], more: Mapping[float, int]) -> dict[float, int]:
    total = dict(counts)
    for value, rows in more.items():
        total[value] = total.get(value, 0) + rows
    return total
