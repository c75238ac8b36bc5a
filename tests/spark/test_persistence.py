"""Persisted frames: computed once, unpersisted in time, with short plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laketrain.spark.persistence import PersistedFrames

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def cached(spark: SparkSession) -> int:
    return int(spark.sparkContext._jsc.getPersistentRDDs().size())


def plan_lines(frame: DataFrame) -> int:
    return len(str(frame._jdf.queryExecution().analyzed().toString()).strip().splitlines())


@pytest.mark.slow
def test_a_checkpoint_replaces_the_previous_one_and_the_small_frames(spark: SparkSession) -> None:
    before = cached(spark)
    with PersistedFrames() as frames:
        table = frames.checkpoint(spark.range(10).selectExpr("id", "id % 3 AS part"))
        small = frames.persist(table.groupBy("part").count())
        assert sorted(map(tuple, small.collect())) == [(0, 4), (1, 3), (2, 3)]
        rejected = frames.persist_until_exit(table.where("id = 9"))
        assert cached(spark) == before + 3
        table = frames.checkpoint(table.where("id < 9"))
        assert cached(spark) == before + 2
        assert (table.count(), rejected.count()) == (9, 1)
    assert cached(spark) == before


@pytest.mark.slow
def test_a_checkpoint_has_a_plan_of_a_single_leaf(spark: SparkSession) -> None:
    with PersistedFrames() as frames:
        frame = spark.range(5).toDF("id")
        for _ in range(3):
            other = frame.selectExpr("id AS other")
            frame = frames.checkpoint(frame.join(other, other["other"] == frame["id"]).drop("other"))
        assert plan_lines(frame) == 1
        assert sorted(row["id"] for row in frame.collect()) == [0, 1, 2, 3, 4]
