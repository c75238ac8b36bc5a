"""What profiles know of columns, without Spark, for tests.

    column = number(values)
    later = number(others, before=column)            # counted on the edges of `column`, too
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from laketrain.profile.drift import drift_between
from laketrain.profile.histogram import NumberCounts, bin_counts, summarize
from laketrain.profile.model import ColumnProfile, Numbers, TableProfile, Value


def numbers(values: np.ndarray, before: Numbers | None = None, step: int = 0) -> Numbers:
    series = NumberCounts(10**6)
    series.add(values)
    old = before.histogram.edges if before and before.histogram else None
    earlier = bin_counts(series, np.array(old)) if old else None
    return summarize(series, bin_counts(series, series.edges(step)), step, earlier)


def number(values: np.ndarray, before: ColumnProfile | None = None, nulls: int = 0) -> ColumnProfile:
    return ColumnProfile(name="x", type="double", kind="number", rows=len(values) + nulls, nulls=nulls,
                         distinct=len(set(values)), numbers=numbers(values, before.numbers if before else None))


def after(before: TableProfile | None, *columns: ColumnProfile) -> TableProfile:
    """The profile of the version of clean/t that follows `before`, with these columns."""
    version = before.version + 1 if before else 1
    profile = TableProfile(table="clean/t", version=version, rows=columns[0].rows, bytes=1, columns=[*columns])
    return profile.model_copy(update={"drift": drift_between(before, profile)}) if before else profile


def text(values: Sequence[str], complete: bool = True, **more: Any) -> ColumnProfile:
    counts = Counter(values)
    return ColumnProfile(name="x", type="string", kind="text", rows=len(values), nulls=0, distinct=len(counts),
                         values=[Value(value=value, rows=rows) for value, rows in counts.most_common()],
                         complete=complete, **more)
