"""What changed in a table since its version before, in numbers and in a plain word: none, some, strong.

    drift = drift_between(before, now)       # two TableProfiles, of any two versions of a table

The thresholds are those that people use for the population stability index (0.1 and 0.25); what sampling alone would
give is taken off first, so that two small tables drawn alike don't seem to differ.
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
"""From which on it is some drift, and strong: the index, the mean's shift in deviations, the change of the share of
nulls, the share of rows with values that were not there before."""

_GROUP = 0.1
_NAMED = 20
_ORDER: Sequence[Verdict] = ("none", "some", "strong")


@dataclass(frozen=True)
class Found:
    """One thing that was compared: how much it changed beyond chance, and the words for it."""

    amount: float
    bounds: tuple[float, float]
    said: str

    @property
    def verdict(self) -> Verdict:
        some, strong = self.bounds
        return "strong" if self.amount >= strong else "some" if self.amount >= some and self.amount > 0 else "none"


def drift_between(before: TableProfile, now: TableProfile) -> Drift:
    """Column by column, those that are gone last. A profile was counted on the edges of one other, mostly that of the
    version before; against any other version its own histograms must do."""
    earlier = {column.name: column for column in before.columns}
    counted = now.drift is None or now.drift.against == before.version
    columns = [_column(earlier.get(column.name), column, counted) for column in now.columns]
    there = {column.name for column in now.columns}
    gone = [ColumnDrift(name=column.name, change="gone", verdict="strong", because="is gone")
            for column in before.columns if column.name not in there]
    return Drift(against=before.version, rows_before=before.rows, rows_now=now.rows, columns=[*columns, *gone])


def _column(before: ColumnProfile | None, now: ColumnProfile, counted: bool) -> ColumnDrift:
    """`counted`: the numbers of `now` were counted on the edges of `before`."""
    if before is None:
        return ColumnDrift(name=now.name, change="new", verdict="some", because="is new")
    if before.type != now.type:
        return ColumnDrift(name=now.name, change="retyped", verdict="strong",
                           because=f"was {before.type}, is {now.type}")
    found = [_nulls(before, now)] if before.rows and now.rows else []
    basis, index = _index(before, now, counted)
    found += [index] if index else []
    shift = _shift(before, now)
    found += [shift] if shift else []
    new, vanished = _values(before, now)
    rows = sum(value.rows for value in now.values if value.value in new)
    if new:
        said = f"{_many(len(new), 'new value')} in {_many(rows, 'row')}"
        found.append(Found(rows / max(1, now.filled), NEW_ROWS, said))
    if vanished:
        found.append(Found(1.0, (0.5, math.inf), f"{_many(len(vanished), 'value')} vanished"))
    worst = max((one.verdict for one in found), key=_ORDER.index, default="none")
    because = "; ".join(one.said for one in found if one.verdict == worst) if worst != "none" else "as before"
    return ColumnDrift(name=now.name, change="there", verdict=worst, because=because,
                       nulls_before=before.nulls / before.rows if before.rows else None,
                       nulls_now=now.nulls / now.rows if now.rows else None,
                       psi=index.amount if index else None, basis=basis, shift=_raw_shift(before, now),
                       new_values=new[:_NAMED], vanished_values=vanished[:_NAMED])


def _nulls(before: ColumnProfile, now: ColumnProfile) -> Found:
    first, second = before.nulls / before.rows, now.nulls / now.rows
    both = (before.nulls + now.nulls) / (before.rows + now.rows)
    chance = 2 * math.sqrt(both * (1 - both) * (1 / before.rows + 1 / now.rows))
    return Found(max(0.0, abs(second - first) - chance), NULLS, f"nulls went from {first:.1%} to {second:.1%}")


def _index(before: ColumnProfile, now: ColumnProfile, counted: bool) -> tuple[str | None, Found | None]:
    """The stability index over what suits the column: its values where they are known, else its numbers or lengths."""
    if now.kind == "time" or not before.filled or not now.filled:
        return None, None
    if _by_value(before, now):
        pairs = _value_shares(before, now)
        return "values", _psi(pairs, before.filled, now.filled)
    for basis in ("numbers", "lengths"):
        first, second = getattr(before, basis), getattr(now, basis)
        if first and second and first.histogram and second.histogram:
            return basis, _psi(_interval_shares(first, second, counted), first.count, second.count)
    return None, None


def _by_value(before: ColumnProfile, now: ColumnProfile) -> bool:
    if before.unique or now.unique:
        return False
    known = sum(value.rows for value in before.values) >= before.filled / 2
    return (before.complete and now.complete) or (before.kind == "text" and known)


def _value_shares(before: ColumnProfile, now: ColumnProfile) -> list[tuple[float, float]]:
    first, second = _shares(before), _shares(now)
    pairs = []
    for value in sorted({*first, *second}):
        one, other = first.get(value), second.get(value)
        # A value that isn't listed, where not all are, has less than FREQUENT of the rows: as much as suits the other.
        if one is None:
            one = 0.0 if before.complete else min(FREQUENT, second[value])
        if other is None:
            other = 0.0 if now.complete else min(FREQUENT, first[value])
        pairs.append((one, other))
    rest = (1 - sum(one for one, _ in pairs), 1 - sum(other for _, other in pairs))
    return pairs if before.complete and now.complete else [*pairs, (max(0.0, rest[0]), max(0.0, rest[1]))]


def _shares(column: ColumnProfile) -> Mapping[str, float]:
    shares = Counter[str]()
    for value in column.values:
        shares[value.value] += value.rows
    return {value: rows / column.filled for value, rows in shares.items()}


def _interval_shares(before: Numbers, now: Numbers, counted: bool) -> list[tuple[float, float]]:
    """Of neighbouring intervals put together until each has a tenth of the earlier numbers; the outer ones are open."""
    assert before.histogram is not None
    groups, first, second = list[tuple[float, float]](), 0, 0.0
    for old, new in zip(before.histogram.counts, _later(before.histogram, now, counted), strict=True):
        first, second = first + old, second + new
        if first >= _GROUP * before.count:
            groups.append((first / before.count, second / now.count))
            first, second = 0, 0.0
    if first or second:
        one, other = groups.pop() if groups else (0.0, 0.0)
        groups.append((one + first / before.count, other + second / now.count))
    return groups


def _later(before: Histogram, now: Numbers, counted: bool) -> Sequence[float]:
    """How many numbers of `now` are in each interval of `before`."""
    if counted and now.earlier is not None and len(now.earlier) == len(before.edges) + 1:
        below, *later, above = now.earlier
        later[0] += below
        later[-1] += above
        return later
    return [end - start for start, end in pairwise([0.0, *_below(now, before.edges[1:-1]), float(now.count)])]


def _below(numbers: Numbers, cuts: Sequence[float]) -> list[float]:
    """How many numbers are less than each cut, of ascending ones: as the histogram knows at its edges, and within an
    interval as the quantiles in it say, evenly between these. Without them, a single outlier would leave next to
    nothing known."""
    assert numbers.histogram is not None
    edges = [*numbers.histogram.edges[:-1], _next(numbers.histogram.edges[-1])]  # the last interval holds its end
    upto = [0, *accumulate(numbers.histogram.counts)]
    known = list[tuple[float, float]](zip(edges, upto, strict=True))
    quantiles = sorted((value, float(part)) for part, value in numbers.quantiles.items())
    for value, tied in groupby(quantiles, itemgetter(0)):
        place = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), len(upto) - 2)
        rows = [min(max(part * numbers.count, upto[place]), upto[place + 1]) for _, part in tied]
        # Many numbers may be this one: less than it are no more than the first part, up to it at least the last.
        known += [(value, rows[0])] if value > edges[place] else []
        known.append((_next(value), rows[-1]))
    known.sort()
    places, rows_below = zip(*known, strict=True)
    # Between two neighbours that are hardly apart, rounding may let a larger cut have less below it.
    return [float(rows) for rows in np.maximum.accumulate(np.interp(cuts, places, rows_below))]


def _next(value: float) -> float:
    return math.nextafter(value, math.inf)


def _psi(pairs: Iterable[tuple[float, float]], before: int, now: int) -> Found:
    """The index, less its mean and twice its deviation between samples of these sizes drawn alike."""
    groups = [pair for pair in pairs if any(pair)]
    floors = 0.5 / before, 0.5 / now
    raw = 0.0
    for one, other in groups:
        first, second = max(one, floors[0]), max(other, floors[1])
        raw += (second - first) * math.log(second / first)
    free = max(0, len(groups) - 1)
    chance = (free + 2 * math.sqrt(2 * free)) * (1 / before + 1 / now)
    amount = max(0.0, raw - chance)
    return Found(amount, PSI, f"its distribution changed (PSI {amount:.2f})")


def _shift(before: ColumnProfile, now: ColumnProfile) -> Found | None:
    shift = _raw_shift(before, now)
    if shift is None or before.unique or now.unique or not before.numbers or not now.numbers:
        return None
    chance = 2 * math.sqrt(1 / before.numbers.count + 1 / now.numbers.count)
    return Found(max(0.0, abs(shift) - chance), SHIFT, f"its mean moved by {shift:+.2f} deviations")


def _raw_shift(before: ColumnProfile, now: ColumnProfile) -> float | None:
    first, second = before.numbers, now.numbers
    if now.kind != "number" or not first or not second or not first.std or first.mean is None or second.mean is None:
        return None
    shift = (second.mean - first.mean) / first.std
    return shift if math.isfinite(shift) else None


def _values(before: ColumnProfile, now: ColumnProfile) -> tuple[list[str], list[str]]:
    """Those that are new and those that vanished, the most frequent first; none where not all are known."""
    if not (before.complete and now.complete) or before.unique or now.unique or now.kind == "time":
        return [], []
    first, second = [value.value for value in before.values], [value.value for value in now.values]
    return [value for value in second if value not in first], [value for value in first if value not in second]


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
