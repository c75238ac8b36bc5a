"""Sliding windows: held against loops over Python lists, for any lengths, gaps, strides and cuts of the table."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.windows import Windows
from laketrain.errors import DataError
from laketrain.spark import windows as module
from laketrain.spark.frames import SESSION_CONF, SPLIT, configured
from laketrain.spark.windows import LATE, TIED, UNORDERED, cut_windows, windows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ("past.x", "next.x", "x", "name")
START = datetime.fromisoformat("2020-01-01")

shapes = st.builds(lambda lookback, horizon, stride: Windows(order="at", lookback=lookback, horizon=horizon,
                                                             stride=stride),
                   st.integers(1, 5), st.integers(0, 3), st.integers(1, 7))


def by_hand(values: list[Any], windows: Windows) -> list[tuple[list[Any], list[Any], Any]]:
    """Past, future and last value of the past of each window of one run."""
    result = []
    for begin in range(0, len(values) - windows.span + 1, windows.stride):
        past = values[begin:begin + windows.lookback]
        result.append((past, values[begin + windows.lookback:begin + windows.span], past[-1]))
    return result


# ---- a partition of chunks


@given(shapes, st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 9))
def test_windows_of_chunks_equal_those_of_a_loop_for_any_batches(
        windows: Windows, sizes: list[int], rows: int) -> None:
    total = sum(sizes)
    begins = {int(begin) for begin in np.cumsum([0, *sizes[:-1]])}
    table = pa.table({"_0": list(range(total)), "_1": [f"row {number}" for number in range(total)],
                      SPLIT: pa.array([number % 3 for number in range(total)], pa.int32()),
                      "first": [number in begins for number in range(total)]})
    result = [row for batch in windows_of(windows, COLUMNS, table.to_batches(rows)) for row in batch.to_pylist()]
    expected = [one for begin, size in zip(sorted(begins), sizes, strict=True)
                for one in by_hand(list(range(begin, begin + size)), windows)]
    if not windows.horizon:
        assert all(row["_1"] == [] for row in result)
    assert [(row["_0"], row["_1"], row["_2"]) for row in result] == expected
    assert [row["_3"] for row in result] == [f"row {last}" for _, _, last in expected]
    assert [row[SPLIT] for row in result] == [last % 3 for _, _, last in expected]


@given(st.integers(1, 400), st.integers(0, 100), st.integers(1, 5000))
def test_a_chunk_starts_with_a_window_and_is_much_longer_than_its_overlap(
        lookback: int, horizon: int, stride: int) -> None:
    windows = Windows(order="at", lookback=lookback, horizon=horizon, stride=stride)
    rows = module.chunk_rows(windows)
    assert rows % stride == 0
    assert rows >= 8 * windows.span


# ---- a table


def series(seed: int, entities: int = 4, most: int = 60) -> list[tuple[Any, ...]]:
    """Rows (entity, at, x, split, known): hourly, some hours missing, the split changing along time. Most became known
    at once, some hours later or never."""
    random, rows = np.random.default_rng(seed), []
    for entity in range(entities):
        for hour in range(int(random.integers(1, most))):
            if random.random() > 0.06:
                at, late = START + timedelta(hours=hour), max(0, int(random.integers(-10, 6)))
                known = at + timedelta(hours=late) if late < 5 else None
                rows.append((f"e{entity}", at, entity * 1000 + hour, min(hour // 25, 2), known))
    random.shuffle(rows)
    return [tuple(row) for row in rows]


def expected_of(rows: list[tuple[Any, ...]], windows: Windows) -> list[tuple[Any, ...]]:
    runs: dict[str, list[list[tuple[Any, ...]]]] = defaultdict(list)
    for row in sorted(rows):
        own = runs[row[0]]
        if own and own[-1][-1][3] == row[3] and row[1] - own[-1][-1][1] <= timedelta(hours=1):
            own[-1].append(row)
        else:
            own.append([row])
    return sorted((entity, past, ahead, last, LATE if windows.known_by and is_late(run, past) else run[0][3])
                  for entity, own in runs.items() for run in own
                  for past, ahead, last in by_hand([row[2] for row in run], windows))


def is_late(run: list[tuple[Any, ...]], past: list[int]) -> bool:
    """Whether one of the rows with the values `past` wasn't known at the time of the last of them."""
    rows = [row for row in run if row[2] in past]
    return any(row[4] is None or row[4] > rows[-1][1] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "settings"), list(enumerate([
    {"lookback": 5, "horizon": 2}, {"lookback": 1}, {"lookback": 3, "horizon": 4, "stride": 3, "known_by": "known"},
    {"lookback": 2, "stride": 5, "known_by": "known"}])))
def test_windows_of_a_table_cross_no_entity_gap_or_split(
        spark: SparkSession, monkeypatch: pytest.MonkeyPatch, seed: int, settings: dict[str, Any]) -> None:
    # Chunks of few rows, so that a run has several.
    monkeypatch.setattr(module, "_CHUNK_ROWS", 8)
    monkeypatch.setattr(module, "_OVERLAPS", 1)
    rows = series(seed)
    windows = Windows.model_validate({"by": ["name"], "order": "at", "max_gap": "1 hour", **settings})
    columns = ("name", "past.x", *(["next.x"] if windows.horizon else []), "x")
    with configured(spark, SESSION_CONF):
        kinds = f"name string, at timestamp_ntz, x bigint, {SPLIT} int, known timestamp_ntz"
        frame = spark.createDataFrame(rows, kinds).repartition(3)
        cut = cut_windows(frame, windows, columns)
        result = [row.asDict() for row in cut.frame(3).collect()]
        counts = cut.counts()
    expected = expected_of(rows, windows)
    assert sorted((row["name"], row["past.x"], row.get("next.x", []), row["x"], row[SPLIT])
                  for row in result) == expected
    assert len(expected) > 5
    assert not windows.known_by or 0 < sum(row[SPLIT] == LATE for row in result) < len(result)
    held = {value for _, past, ahead, _, _ in expected for value in (*past, *ahead)}
    assert counts == {"made": len(expected), "rows_in_none": len(rows) - len(held), "rows_refused": 0}


@pytest.mark.slow
def test_rows_without_a_unique_order_are_rejected_and_end_the_run(spark: SparkSession) -> None:
    rows = [("a", 1.0, 1, 0), ("a", 2.0, 2, 0), ("a", 3.0, 3, 0), ("a", 3.0, 30, 0), ("a", 4.0, 4, 0), ("a", 5.0, 5, 0),
            ("a", None, 6, 0), (None, 7.0, 7, 0), ("b", 1.0, 8, -1), ("b", 2.0, 9, 1), ("b", 3.0, 10, 1)]
    windows = Windows(by=["name"], order="at", lookback=2)
    with configured(spark, SESSION_CONF):
        cut = cut_windows(spark.createDataFrame(rows, f"name string, at double, x int, {SPLIT} int"), windows,
                          ("past.x", "x"))
        result = cut.frame(2).collect()
        counts = cut.counts()
    assert sorted((row[SPLIT], row["past.x"]) for row in result) == [
        (TIED, [3]), (TIED, [30]), (UNORDERED, [6]), (UNORDERED, [7]), (-1, [8]),
        (0, [1, 2]), (0, [4, 5]), (1, [9, 10])]
    assert counts == {"made": 3, "rows_in_none": 0, "rows_refused": 5}


@pytest.mark.parametrize(("kind", "gap", "message"), [
    ("string", None, "is string, expected a time, a date or a number"),
    ("double", "1 hour", "set max_gap to a number"),
    ("timestamp", 3.0, "set max_gap to a span of time"),
])
def test_an_unordered_type_or_a_gap_of_another_type_is_an_error(
        spark: SparkSession, kind: str, gap: Any, message: str) -> None:
    frame = spark.createDataFrame([], f"at {kind}, {SPLIT} int")
    windows = Windows.model_validate({"order": "at", "lookback": 2, "max_gap": gap})
    with pytest.raises(DataError, match=message):
        cut_windows(frame, windows, ("past.at",))


def test_known_by_of_another_type_is_an_error(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], f"at date, known timestamp, {SPLIT} int")
    with pytest.raises(DataError, match="column 'at' is date, 'known' is timestamp"):
        cut_windows(frame, Windows(order="at", lookback=2, known_by="known"), ("past.at",))


def test_a_table_without_windows_has_none(spark: SparkSession) -> None:
    with configured(spark, SESSION_CONF):
        cut = cut_windows(spark.createDataFrame([], f"at date, {SPLIT} int"), Windows(order="at", lookback=2),
                          ("past.at",))
        assert cut.frame(2).collect() == []
        assert cut.counts() == {"made": 0, "rows_in_none": 0, "rows_refused": 0}
