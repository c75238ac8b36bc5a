"""Rows of rare classes are in the train split more than once, and only there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.config.convert import Oversample
from laketrain.convert.oversample import COPY, oversampled
from laketrain.spark.frames import SESSION_CONF, SPLIT, configured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = [*((number, "common", 0) for number in range(600)), *((number, "some", 0) for number in range(600, 1000)),
        *((number, "rare", 0) for number in range(1000, 1007)), (2000, None, 0),
        *((number, "rare", 1) for number in range(3000, 3020)), (4000, "rare", -1)]


def repeated(spark: SparkSession, share: float, parts: int = 3) -> tuple[list[tuple[Any, ...]], dict[str, int]]:
    with configured(spark, SESSION_CONF):
        frame = spark.createDataFrame(ROWS, f"id int, label string, {SPLIT} int").repartition(parts)
        rows, more = oversampled(frame, Oversample(column="label", share=share), train=0)
        return [tuple(row) for row in rows.select("id", "label", SPLIT, COPY).collect()], more


@pytest.mark.slow
@pytest.mark.parametrize(("share", "some", "rare"), [(1.0, 600, 600), (0.5, 400, 300)])
def test_each_class_of_train_gets_its_share_of_the_most_frequent(
        spark: SparkSession, share: float, some: int, rare: int) -> None:
    rows, more = repeated(spark, share)
    train = Counter(label for _, label, split, _ in rows if split == 0)
    assert train["common"] == 600
    # Drawn row by row: within five deviations of the expected number.
    assert abs(train["some"] - some) <= 5 * (400 * 0.25) ** 0.5
    assert abs(train["rare"] - rare) <= 7
    assert more == {label: count - before for label, before in (("rare", 7), ("some", 400))
                    if (count := train[label]) > before}
    times = Counter(number for number, label, split, _ in rows if label == "rare" and split == 0)
    assert max(times.values()) - min(times.values()) <= 1


@pytest.mark.slow
def test_original_rows_are_kept_once_and_other_splits_do_not_change(spark: SparkSession) -> None:
    rows, _ = repeated(spark, 1.0)
    assert sorted(row[:3] for row in rows if row[3] == 0) == sorted(ROWS)
    assert {row[2] for row in rows if row[3] > 0} == {0}
    assert sorted(repeated(spark, 1.0, parts=1)[0]) == sorted(rows)
