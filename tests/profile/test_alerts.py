"""What asks for attention has a warning; what is ordinary has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from laketrain.profile.alerts import alerts_of
from laketrain.profile.histogram import NumberCounts, bin_counts, summarize
from laketrain.profile.model import ColumnProfile, Correlations, Images, Numbers, TableProfile, Value

RANDOM = np.random.default_rng(0)


def numbers(values: np.ndarray, **more: Any) -> Numbers:
    series = NumberCounts(10**6)
    series.add(values)
    return summarize(series, bin_counts(series, series.edges(0)), 0).model_copy(update=more)


def classes(**rows: int) -> dict[str, Any]:
    values = [Value(value=name, rows=count) for name, count in sorted(rows.items(), key=lambda pair: -pair[1])]
    return {"values": values, "complete": True, "distinct": len(values), "imbalance": max(rows.values()) / min(
        rows.values()) if len(rows) > 1 else None}


def said_of(columns: list[ColumnProfile], rows: int = 1000, **more: Any) -> Iterator[tuple[str, str]]:
    profile = TableProfile(table="clean/t", version=1, rows=rows, bytes=1, columns=columns, **more)
    return ((notice.kind, notice.text) for notice in alerts_of(profile))


def column(kind: str = "number", nulls: int = 0, **more: Any) -> ColumnProfile:
    types = {"number": "double", "text": "string"}
    return ColumnProfile.model_validate(
        {"name": "x", "type": types.get(kind, kind), "kind": kind, "rows": 1000, "nulls": nulls, **more})


@pytest.mark.parametrize(("given", "message"), [
    (column(nulls=1000), "x is null in every row"),
    (column(nulls=970), "x is 97 % null"),
    (column(nulls=999, distinct=9), "x is 99.9 % null"),
    (column("text", **classes(same=1000)), "x has one value only"),
    (column("text", nulls=400, **classes(same=600)), "x has one value only besides nulls"),
    (column("text", distinct=990, words=numbers(np.ones(1000))), "x has a value of its own in (nearly) every row"),
    (column(type="int", distinct=1000), "x has a value of its own in (nearly) every row"),
    (column("text", **classes(a=700, b=297, c=3)), "x is imbalanced: 'c' has 0.3 % of the rows, 'a' 233 times as many"),
    (column(numbers=numbers(np.arange(1000.0), nan=12)), "x has 12 NaN and 0 infinite numbers"),
    (column(distinct=1000, numbers=numbers(RANDOM.lognormal(0, 1, 1000))), "x is skewed upwards"),
    (column(distinct=1000, numbers=numbers(-RANDOM.lognormal(0, 1, 1000))), "x is skewed downwards"),
    (column("text", distinct=9, empty=120), "x is empty text in 12 % of its rows"),
    (column("text", distinct=9, looks_numeric=999), "x is text, but 99.9 % of it are numbers"),
    (column("binary", images=Images(readable=9, unreadable=4, width=numbers(np.ones(9)), height=numbers(np.ones(9)),
                                    formats=[], colours=[], sizes=[], reasons=[])),
     "x has 4 files that aren't readable images"),
])
def test_what_asks_for_attention_has_a_warning(given: ColumnProfile, message: str) -> None:
    [(_, text)] = said_of([given])
    assert text.startswith(message)


@pytest.mark.parametrize("given", [
    column(nulls=300, distinct=500, numbers=numbers(RANDOM.normal(size=700))),
    column(distinct=1000, numbers=numbers(RANDOM.random(1000))),
    column("text", **classes(a=500, b=300, c=200)),
    column("text", distinct=1000, words=numbers(np.full(1000, 40.0))),  # free text, no two of them equal
    column("time", type="timestamp", distinct=1000, numbers=numbers(np.arange(1000.0))),
    column("text", distinct=9, empty=3, looks_numeric=500),
])
def test_what_is_ordinary_has_no_warning(given: ColumnProfile) -> None:
    assert list(said_of([given])) == []


@pytest.mark.parametrize(("r", "kinds"), [(0.995, ["correlated"]), (-1.0, ["correlated"]), (0.98, []), (None, [])])
def test_a_pair_that_is_nearly_the_same_is_named_once(r: float | None, kinds: list[str]) -> None:
    correlations = Correlations(columns=["a", "b"], r=[[1.0, r], [r, 1.0]], left_out={})
    alerts = list(said_of([], correlations=correlations))
    assert [kind for kind, _ in alerts] == kinds
    assert all("a and b" in text for _, text in alerts)


def test_a_table_without_rows_has_only_that_warning() -> None:
    assert list(said_of([column(nulls=0)], rows=0)) == [("empty", "the table has no rows")]
