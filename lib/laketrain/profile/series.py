"""The numbers of a column, or of its lengths: what they add up to, and then how they are spread.

    series = Series(most=1000)
    series.add(values)                                  # float64, NaN and infinities too
    edges = series.edges(step=1)                    # known after a first look at all rows
    numbers_of(series, spread(series, edges), step=1)

Up to `most` distinct numbers are counted one by one, and then all is exact. Beyond, exact sums remain
(features/sums.py) and counts by magnitude, and a second look at the rows counts them in fine equal intervals.
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
from laketrain.profile.values import MOST as MOST_COUNTED

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS, FINER = 40, 50
_BUCKET = 1 / 512
"""Half a bucket of features/sums.py, relative to the value in its middle."""


class Series:
    """`counts` by number, None once there are more than `most`; then `totals` holds their sums."""

    def __init__(self, most: int = MOST_COUNTED) -> None:
        self.most = most
        self.counts: dict[float, int] | None = {}
        self.totals: Tally = {}
        self.odd: Tally = {"nan": 0, "infinite": 0, "zeros": 0, "negative": 0}

    def add(self, values: Floats) -> None:
        """Counts (n,) numbers, none of them missing."""
        finite = values[np.isfinite(values)] + 0.0  # there is one zero, not two
        nan = int(np.isnan(values).sum())
        merge(self.odd, {"nan": nan, "infinite": len(values) - len(finite) - nan,
                         "zeros": int((finite == 0).sum()), "negative": int((finite < 0).sum())})
        if self.counts is not None:
            found, counts = np.unique(finite, return_counts=True)
            merged = _added(self.counts, dict(zip(found.tolist(), counts.tolist(), strict=True)))
            if len(merged) <= self.most:
                self.counts = merged
                return
            self._spill()
        merge(self.totals, tally_of(finite))

    def merge(self, other: Series) -> None:
        """Adds what another part of the rows holds."""
        merge(self.odd, other.odd)
        if self.counts is not None and other.counts is not None:
            self.counts = _added(self.counts, other.counts)
            if len(self.counts) > self.most:
                self._spill()
            return
        self._spill()
        other._spill()
        merge(self.totals, other.totals)

    @property
    def rows(self) -> int:
        """Finite numbers."""
        return sum(self.counts.values()) if self.counts is not None else self.totals.get("rows", 0)

    def ends(self) -> tuple[float, float] | None:
        """The smallest and the largest; None where there is no finite number."""
        if self.counts is not None:
            return (min(self.counts), max(self.counts)) if self.counts else None
        found = describe(self.totals)
        return found.least, found.most

    def edges(self, step: int) -> Floats:
        """FINER fine intervals to each of at most BINS that are shown; empty where there is nothing to spread.

        Args:
            step: what two numbers differ by at least, so that each interval can hold equally many; 0 for none.
        """
        ends = self.ends()
        if ends is None:
            return np.zeros(0)
        least, most = ends
        if least == most:
            return np.array([least, most])
        if step and most - least < 2**52:
            steps = round((most - least) / step) + 1
            width = math.ceil(steps / BINS)
            bins = math.ceil(steps / width)
            return least + np.arange(bins * FINER + 1) * (width * step / FINER)
        part = np.linspace(0, 1, BINS * FINER + 1)
        return np.maximum.accumulate(least * (1 - part) + most * part)

    def to_json(self) -> dict[str, Any]:
        counts = None if self.counts is None else list(self.counts.items())
        return {"most": self.most, "odd": self.odd, "counts": counts, "totals": self.totals}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Series:
        found = cls(data["most"])
        found.odd, found.totals = dict(data["odd"]), dict(data["totals"])
        found.counts = None if data["counts"] is None else {float(value): rows for value, rows in data["counts"]}
        return found

    def _spill(self) -> None:
        values, rows = np.array(list(self.counts or {})), np.array(list((self.counts or {}).values()))
        for times in np.unique(rows).tolist():
            merge(self.totals, {key: count if key.startswith((LEAST, MOST)) else count * times
                                for key, count in tally_of(values[rows == times]).items()})
        self.counts = None


def binned(values: Floats, edges: Floats) -> Ints:
    """How many of the finite values lie in each interval, first those below all, last those above all."""
    finite = values[np.isfinite(values)] + 0.0
    places = np.searchsorted(edges, finite, side="right")
    # The last interval holds its end, also where it begins there.
    places[finite == edges[-1]] = len(edges) - 1
    return np.bincount(places, minlength=len(edges) + 1).astype(np.int64)


def spread(series: Series, edges: Floats) -> Ints:
    """As `binned`, of numbers that are all counted already. Raises ValueError where they are not."""
    if series.counts is None:
        raise ValueError("the numbers were not counted one by one: bin the rows themselves")
    counts = np.zeros(len(edges) + 1, np.int64)
    for value, rows in series.counts.items():
        counts += rows * binned(np.array([value]), edges)
    return counts


def numbers_of(series: Series, fine: Ints | None, step: int, earlier: Ints | None = None) -> Numbers:
    """The numbers in words of the model.

    Args:
        fine: `binned` on the series' own edges; where None, there is no histogram, and quantiles are less exact.
        earlier: `binned` on the edges of the profile before.
    """
    known = {**series.odd, "earlier": None if earlier is None else earlier.tolist()}
    ends = series.ends()
    if ends is None:
        return Numbers(count=0, **known)
    edges = series.edges(step)
    if series.counts is not None:
        mean, std, found = _exactly(series.counts)
    else:
        all_of = describe(series.totals, quantiles=QUANTILES)
        mean, std = all_of.mean, all_of.std
        found = [_between(about, part, fine, edges, step, ends)
                 for about, part in zip(all_of.quantiles, QUANTILES, strict=True)]
    return Numbers(count=series.rows, least=ends[0], most=ends[1], mean=_finite(mean), std=_finite(std),
                   quantiles={f"{part:g}": value for part, value in zip(QUANTILES, found, strict=True)},
                   exact=series.counts is not None, histogram=_histogram(edges, fine), **known)


def _histogram(edges: Floats, fine: Ints | None) -> Histogram | None:
    """The fine intervals put together to those that are shown."""
    if fine is None:
        return None
    step = FINER if len(edges) > 2 else 1
    return Histogram(edges=edges[::step].tolist(), counts=fine[1:-1].reshape(-1, step).sum(1).tolist())


def _exactly(counts: Mapping[float, int]) -> tuple[float, float, list[float]]:
    """Mean, deviation, and quantiles between which NumPy's default would see them."""
    values = np.array(sorted(counts))
    times = np.array([counts[value] for value in values.tolist()])
    upto, rows = np.cumsum(times), int(times.sum())
    mean, std = _moments(values, times)

    def at(rank: int) -> float:
        return float(values[np.searchsorted(upto, rank, side="right")])

    found = []
    for part in QUANTILES:
        position = part * (rows - 1)
        low, high = at(math.floor(position)), at(math.ceil(position))
        share = position - math.floor(position)
        found.append(low if low == high else low * (1 - share) + high * share)
    return mean, std, found


def _moments(values: Floats, times: Ints) -> tuple[float, float]:
    """Mean and deviation of sorted values that come so many times; in parts of their range, so that none overflows."""
    halves = values / 2 - values[0] / 2
    scale = math.ldexp(1.0, max(-1000, math.frexp(float(halves[-1]))[1] - 1))
    parts, rows = halves / scale, int(times.sum())
    mean = math.fsum(parts * times) / rows
    variance = math.fsum((parts - mean) ** 2 * times) / rows
    return 2 * (float(values[0]) / 2 + scale * mean), 2 * scale * math.sqrt(variance)


def _between(about: float, part: float, fine: Ints | None, edges: Floats, step: int,
             ends: tuple[float, float]) -> float:
    """The quantile, which lies both near `about` and in its fine interval: the middle of what these share."""
    low, high = max(about - abs(about) * _BUCKET, ends[0]), min(about + abs(about) * _BUCKET, ends[1])
    if fine is not None:
        rank = math.floor(part * (int(fine[1:-1].sum()) - 1))
        place = int(np.searchsorted(np.cumsum(fine[1:-1]), rank, side="right"))
        low, high = max(low, float(edges[place])), min(high, float(edges[place + 1]))
    middle = low / 2 + high / 2
    return ends[0] + round((middle - ends[0]) / step) * step if step else middle


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _added(counts: Mapping[float, int], more: Mapping[float, int]) -> dict[float, int]:
    found = dict(counts)
    for value, rows in more.items():
        found[value] = found.get(value, 0) + rows
    return found
