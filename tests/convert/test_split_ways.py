"""Splits by column, by time and stratified; rows in no split; and leakage between splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from laketrain.config.convert import Split
from laketrain.convert.split import with_split
from laketrain.spark.frames import SESSION_CONF, SPLIT, configured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

THREE = {"train": 0.8, "val": 0.1, "test": 0.1}


def split(**settings: Any) -> Split:
    return Split.model_validate(settings)


def placed(spark: SparkSession, rows: list[tuple[Any, ...]], schema: str, way: Split) -> dict[Any, int]:
    """The split of each row, by its first column."""
    with configured(spark, SESSION_CONF):
        result = with_split(spark.createDataFrame(rows, schema).repartition(3), way).collect()
    assert len(result) == len(rows)
    return {row[0]: row[SPLIT] for row in result}


def test_a_column_may_name_the_split_and_other_values_are_in_none(spark: SparkSession) -> None:
    way = split(by_column={"column": "fold", "values": {"train": [0, 1, "x"], "val": [2]}})
    rows = [(1, "0"), (2, "1"), (3, "2"), (4, "3"), (5, None), (6, "x")]
    assert way.names == ("train", "val")
    assert placed(spark, rows, "id int, fold string", way) == {1: 0, 2: 0, 3: 1, 4: -1, 5: -1, 6: 0}
    assert placed(spark, [(1, 1), (2, 2), (3, 9)], "id int, fold int", way) == {1: 0, 2: 1, 3: -1}


@pytest.mark.parametrize(("rest", "after"), [("test", 2), (None, -1)])
def test_spans_of_time_have_an_exclusive_end_and_a_row_without_time_is_in_none(
        spark: SparkSession, rest: str | None, after: int) -> None:
    way = split(by_time={"column": "at", "until": {"train": "2020-01-01", "val": "2020-01-02 12:00"}, "rest": rest})
    times = ["2019-12-31 23:59", "2020-01-01", "2020-01-02 11:59", "2020-01-02 12:00", None]
    rows = [(number, time and datetime.fromisoformat(time)) for number, time in enumerate(times, start=1)]
    assert placed(spark, rows, "id int, at timestamp_ntz", way) == {1: 0, 2: 1, 3: 1, 4: after, 5: -1}


def test_each_stratum_is_split_by_the_fractions_and_keys_stay_together(spark: SparkSession) -> None:
    sizes = {"common": 997, "rare": 30, "scarce": 3, "single": 1}
    rows = [(f"{label}-{number}-{copy}", f"{label}-{number}", label)
            for label, count in sizes.items() for number in range(count) for copy in range(1 + number % 2)]
    way = split(by="key", fractions=THREE, stratify="label", seed=5)
    result = placed(spark, rows, "id string, key string, label string", way)
    assert result == placed(spark, rows[::-1], "id string, key string, label string", way)
    by_key: dict[str, set[int]] = defaultdict(set)
    for name, key, _ in rows:
        by_key[key].add(result[name])
    assert all(len(splits) == 1 for splits in by_key.values())
    counts = {label: Counter(by_key[f"{label}-{number}"].copy().pop() for number in range(count))
              for label, count in sizes.items()}
    for label, count in sizes.items():
        for number, share in enumerate(THREE.values()):
            assert abs(counts[label][number] - count * share) <= 1.5, label
    assert counts["scarce"] == {0: 1, 1: 1, 2: 1}


def test_a_key_in_two_strata_counts_in_the_first(spark: SparkSession) -> None:
    rows = [(number, "k", label) for number, label in enumerate("ba")] + [(9, None, "a")]
    result = placed(spark, rows, "id int, key string, label string",
                   split(by="key", fractions={"train": 0.5, "val": 0.5}, stratify="label"))
    assert result[0] == result[1]
    assert set(result.values()) == {0, 1}


@pytest.mark.parametrize(("settings", "message"), [
    ({}, "received none of by, by_column and by_time"),
    ({"by": "a", "fractions": {"train": 1.0}, "by_time": {"column": "t", "until": {"train": "2020-01-01"}}},
     "received by and by_time"),
    ({"by": "a"}, "go together"), ({"fractions": {"train": 1.0}, "by_column": {"column": "f", "values": {
        "train": [1]}}}, "go together"),
    ({"by_column": {"column": "f", "values": {"val": [1]}}}, "no split is named 'train'"),
    ({"by_column": {"column": "f", "values": {"train": [1], "val": ["1"]}}}, "'1' means both train and val"),
    ({"by_time": {"column": "t", "until": {"train": "soon"}}}, "the end of train is 'soon', expected a date"),
    ({"by_time": {"column": "t", "until": {"train": "2020-02-01", "val": "2020-01-01"}}}, "not in the order of time"),
    ({"by_time": {"column": "t", "until": {"train": "2020-02-01"}, "rest": "train"}}, "'train' is named twice"),
    ({"by_time": {"column": "t", "until": {"train": "2020-02-01"}}, "stratify": "label"}, "`stratify` needs `by`"),
])
def test_an_invalid_split_is_refused_with_the_reason(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        split(**settings)
