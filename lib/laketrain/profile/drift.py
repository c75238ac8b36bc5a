"""Drift of a table since an earlier version, in numbers and as a verdict: none, some, strong.

    drift = drift_between(before, now)       # the TableProfiles of any two versions of a table

The thresholds of the population stability index are the usual ones (0.1 and 0.25). The index that sampling alone gives
is subtracted first, so that two small samples of one distribution don't seem to differ.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from operator import itemgetter

import numpy as np

from laketrain.profile.model import ColumnDrift, ColumnProfile, Drift, Histogram, Numbers, TableProfile, Verdict
from laketrain.profile.values import FREQUENT

PSI, SHIFT, NULLS, NEW_ROWS = (0.1, 0.25), (0.1, 0.5), (0.02, 0.1), (0.0, 0.05)
"""Thresholds of some and of strong drift: of the stability index, the mean's shift in standard deviations, the change
of the share of nulls, and the share of rows with new values."""

_GROUP_SHARE = 0.1
_MAX_NAMED = 20
_ORDER: Sequence[Verdict] = ("none", "some", "strong")


@dataclass(frozen=True)
class Change:
    """A change beyond chance: its amount, the thresholds of some and of strong drift, and its text."""

    amount: float
    bounds: tuple[float, float]
    text: str

    @property
    def verdict(self) -> Verdict:
        some, strong = self.bounds
        return "strong" if self.amount >= strong else "some" if self.amount >= some and self.amount > 0 else "none"


def drift_between(before: TableProfile, now: TableProfile) -> Drift:
    """Drift column by column, removed columns last.

    A profile has counts in the bins of one other profile, usually that of the version before. Against any other
    version, the histograms of both are interpolated.
    """
    earlier = {column.name: column for column in before.columns}
    same_bins = now.drift is None or now.drift.against == before.version
    columns = [_column(earlier.get(column.name), column, same_bins) for column in now.columns]
    names = {column.name for column in now.columns}
    gone = [ColumnDrift(name=column.name, change="gone", verdict="strong", because="is gone")
            for column in before.columns if column.name not in names]
    return Drift(against=before.version, rows_before=before.rows, rows_now=now.rows, columns=[*columns, *gone])


def _column(before: ColumnProfile | None, now: ColumnProfile, same_bins: bool) -> ColumnDrift:
    """`same_bins`: whether `now` has counts in the bins of `before`."""
    if before is None:
        return ColumnDrift(name=now.name, change="new", verdict="some", because="is new")
    if before.type != now.type:
        return ColumnDrift(name=now.name, change="retyped", verdict="strong",
                           because=f"was {before.type}, is {now.type}")
    changes = [_nulls(before, now)] if before.rows and now.rows else []
    basis, index = _index(before, now, same_bins)
    changes += [index] if index else []
    shift = _shift(before, now)
    changes += [shift] if shift else []
    new, vanished = _values(before, now)
    rows = sum(value.rows for value in now.values if value.value in new)
    if new:
        text = f"{_count(len(new), 'new value')} in {_count(rows, 'row')}"
        changes.append(Change(rows / max(1, now.filled), NEW_ROWS, text))
    if vanished:
        changes.append(Change(1.0, (0.5, math.inf), f"{_count(len(vanished), 'value')} vanished"))
    worst = max((change.verdict for change in changes), key=_ORDER.index, default="none")
    because = "; ".join(change.text for change in changes if change.verdict == worst and worst != "none")
    return ColumnDrift(name=now.name, change="there", verdict=worst, because=because or "as before",
                       nulls_before=before.nulls / before.rows if before.rows else None,
                       nulls_now=now.nulls / now.rows if now.rows else None,
                       psi=index.amount if index else None, basis=basis, shift=_raw_shift(before, now),
                       new_values=new[:_MAX_NAMED], vanished_values=vanished[:_MAX_NAMED])


def _nulls(before: ColumnProfile, now: ColumnProfile) -> Change:
    first, second = before.nulls / before.rows, now.nulls / now.rows
    both = (before.nulls + now.nulls) / (before.rows + now.rows)
    noise = 2 * math.sqrt(both * (1 - both) * (1 / before.rows + 1 / now.rows))
    return Change(max(0.0, abs(second - first) - noise), NULLS, f"nulls went from {first:.1%} to {second:.1%}")


def _index(before: ColumnProfile, now: ColumnProfile, same_bins: bool) -> tuple[str | None, Change | None]:
    """The stability index over the column's values where they are listed, else over its numbers or lengths."""
    if now.kind == "time" or not before.filled or not now.filled:
        return None, None
    if _by_value(before, now):
        pairs = _value_shares(before, now)
        return "values", _psi(pairs, before.filled, now.filled)
    for basis in ("numbers", "lengths"):
        first, second = getattr(before, basis), getattr(now, basis)
        if first and second and first.histogram and second.histogram:
            return basis, _psi(_bin_shares(first, second, same_bins), first.count, second.count)
    return None, None


def _by_value(before: ColumnProfile, now: ColumnProfile) -> bool:
    if before.unique or now.unique:
        return False
    mostly_listed = sum(value.rows for value in before.values) >= before.filled / 2
    return (before.complete and now.complete) or (before.kind == "text" and mostly_listed)


def _value_shares(before: ColumnProfile, now: ColumnProfile) -> list[tuple[float, float]]:
    first, second = _shares(before), _shares(now)
    pairs = []
    for value in sorted({*first, *second}):
        old, new = first.get(value), second.get(value)
        # An unlisted value of an incomplete list has less than FREQUENT of the rows: assume the other share up to that.
        if old is None:
            old = 0.0 if before.complete else min(FREQUENT, second[value])
        if new is None:
            new = 0.0 if now.complete else min(FREQUENT, first[value])
        pairs.append((old, new))
    rest = (1 - sum(old for old, _ in pairs), 1 - sum(new for _, new in pairs))
    return pairs if before.complete and now.complete else [*pairs, (max(0.0, rest[0]), max(0.0, rest[1]))]


def _shares(column: ColumnProfile) -> Mapping[str, float]:
    shares = Counter[str]()
    for value in column.values:
        shares[value.value] += value.rows
    return {value: rows / column.filled for value, rows in shares.items()}


def _bin_shares(before: Numbers, now: Numbers, same_bins: bool) -> list[tuple[float, float]]:
    """Shares of neighbouring bins, merged until each has a tenth of the earlier numbers; the outer ones are open."""
    assert before.histogram is not None
    groups, first, second = list[tuple[float, float]](), 0, 0.0
    for old, new in zip(before.histogram.counts, _counts_in_bins(before.histogram, now, same_bins), strict=True):
        first, second = first + old, second + new
        if first >= _GROUP_SHARE * before.count:
            groups.append((first / before.count, second / now.count))
            first, second = 0, 0.0
    if first or second:
        last = groups.pop() if groups else (0.0, 0.0)
        groups.append((last[0] + first / before.count, last[1] + second / now.count))
    return groups


def _counts_in_bins(before: Histogram, now: Numbers, same_bins: bool) -> Sequence[float]:
    """The number of values of `now` in each bin of `before`."""
    if same_bins and now.earlier is not None and len(now.earlier) == len(before.edges) + 1:
        below, *later, above = now.earlier
        later[0] += below
        later[-1] += above
        return later
    return [end - start for start, end in pairwise([0.0, *_below(now, before.edges[1:-1]), float(now.count)])]


def _below(numbers: Numbers, cuts: Sequence[float]) -> list[float]:
    """The number of values below each of the ascending cuts.

    It is exact at the histogram's edges, and interpolated between these and the quantiles within a bin. Without the
    quantiles, a single outlier would put nearly all values into one bin.
    """
    assert numbers.histogram is not None
    edges = [*numbers.histogram.edges[:-1], _next(numbers.histogram.edges[-1])]  # the last bin includes its upper edge
    upto = [0, *accumulate(numbers.histogram.counts)]
    points = list[tuple[float, float]](zip(edges, upto, strict=True))
    quantiles = sorted((value, float(part)) for part, value in numbers.quantiles.items())
    for value, tied in groupby(quantiles, itemgetter(0)):
        index = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), len(upto) - 2)
        rows = [min(max(part * numbers.count, upto[index]), upto[index + 1]) for _, part in tied]
        # Several quantiles may have this value: at most the first share is below it, at least the last is up to it.
        points += [(value, rows[0])] if value > edges[index] else []
        points.append((_next(value), rows[-1]))
    points.sort()
    values, rows_below = zip(*points, strict=True)
    # Between two neighbouring floats, rounding can make the interpolation decrease.
    return [float(rows) for rows in np.maximum.accumulate(np.interp(cuts, values, rows_below))]


def _next(value: float) -> float:
    return math.nextafter(value, math.inf)


def _psi(pairs: Iterable[tuple[float, float]], before: int, now: int) -> Change:
    """The index minus its mean and twice its standard deviation between samples of one distribution."""
    groups = [pair for pair in pairs if any(pair)]
    floors = 0.5 / before, 0.5 / now
    raw = 0.0
    for old, new in groups:
        first, second = max(old, floors[0]), max(new, floors[1])
        raw += (second - first) * math.log(second / first)
    free = max(0, len(groups) - 1)
    noise = (free + 2 * math.sqrt(2 * free)) * (1 / before + 1 / now)
    amount = max(0.0, raw - noise)
    return Change(amount, PSI, f"its distribution changed (PSI {amount:.2f})")


def _shift(before: ColumnProfile, now: ColumnProfile) -> Change | None:
    shift = _raw_shift(before, now)
    if shift is None or before.unique or now.unique or not before.numbers or not now.numbers:
        return None
    noise = 2 * math.sqrt(1 / before.numbers.count + 1 / now.numbers.count)
    return Change(max(0.0, abs(shift) - noise), SHIFT, f"its mean moved by {shift:+.2f} standard deviations")


def _raw_shift(before: ColumnProfile, now: ColumnProfile) -> float | None:
    first, second = before.numbers, now.numbers
    if now.kind != "number" or not first or not second or not first.std or first.mean is None or second.mean is None:
        return None
    shift = (second.mean - first.mean) / first.std
    return shift if math.isfinite(shift) else None


def _values(before: ColumnProfile, now: ColumnProfile) -> tuple[list[str], list[str]]:
    """New and vanished values, the most frequent first; none where a list is incomplete."""
    if not (before.complete and now.complete) or before.unique or now.unique or now.kind == "time":
        return [], []
    first, second = [value.value for value in before.values], [value.value for value in now.values]
    return [value for value in second if value not in first], [value for value in first if value not in second]


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
