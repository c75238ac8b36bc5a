"""A key that holds 95 of 100 rows gives no task more than twice what the others have, nor more than it can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.config.integrate import AsOf, History, Join
from laketrain.integrate.as_of import as_of
from laketrain.integrate.base import StepResult, TableRows
from laketrain.integrate.history import history
from laketrain.integrate.join import join
from laketrain.integrate.stage import SETTINGS
from laketrain.spark.frames import configured
from laketrain.spark.persistence import PersistedFrames

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

ROWS, TASKS = 200_000, 8
FINE = {
    **SETTINGS, "spark.sql.shuffle.partitions": str(TASKS), "spark.sql.autoBroadcastJoinThreshold": "-1",
    # A thousandth of the real sizes, as the rows are: what Spark does with them is then the same.
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "32k",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "32k", "spark.sql.adaptive.coalescePartitions.enabled": "false",
}


@pytest.fixture
def settled(spark: SparkSession) -> Iterator[SparkSession]:
    """The session with a shuffle of eight tasks."""
    with configured(spark, FINE):
        yield spark


@pytest.fixture
def events(settled: SparkSession) -> DataFrame:
    """Rows with a key `k`, 95 of 100 'hot', a time `t` and a text of some length."""
    return settled.range(0, ROWS, 1, 8).selectExpr(
        "if(id % 20 = 0, concat('k', id % 4000), 'hot') AS k", "id * 7919 % 200000 AS t", "id AS i",
        "concat(hex(xxhash64(id)), hex(xxhash64(-id))) AS body")


def rows_read(spark: SparkSession, since: int) -> dict[int, list[int]]:
    """Of each stage from `since` on: how many rows each of its tasks read from a shuffle."""
    from py4j.protocol import Py4JJavaError

    store, result = spark._jsc.sc().statusStore(), {}
    for stage in range(since, next_stage(spark)):
        try:
            data = store.lastStageAttempt(stage)
        except Py4JJavaError:  # it was planned, and skipped
            continue
        tasks = store.taskList(stage, data.attemptId(), 10_000).iterator()
        read = []
        while tasks.hasNext():
            metrics = tasks.next().taskMetrics()
            read.append(metrics.get().shuffleReadMetrics().recordsRead() if metrics.isDefined() else 0)
        result[stage] = read
    return result


def next_stage(spark: SparkSession) -> int:
    return spark._jsc.sc().dagScheduler().nextStageId()


def heaviest(spark: SparkSession, work: Callable[[PersistedFrames], StepResult]
             ) -> tuple[StepResult, list[dict[str, Any]], list[list[int]]]:
    """What the step made, its rows, and the tasks of each stage that read most of the table from a shuffle."""
    since = next_stage(spark)
    with PersistedFrames() as kept:
        done = work(kept)
        done.frame.write.format("noop").mode("overwrite").save()
        some = done.frame.orderBy(done.frame.columns[0]).limit(3).collect()
    spark._jsc.sc().listenerBus().waitUntilEmpty()
    stages = [read for read in rows_read(spark, since).values() if sum(read) > ROWS // 2]
    return done, [row.asDict() for row in some], stages


def even(tasks: list[int]) -> bool:
    return max(tasks) <= 2 * sorted(tasks)[len(tasks) // 2]


def test_a_join(settled: SparkSession, events: DataFrame):
    keys = settled.range(4000).selectExpr("if(id = 7, 'hot', concat('k', id)) AS k", "id AS n")
    step = Join.model_validate({"step": "join", "table": "keys", "on": ["k"], "relation": "many-to-one"})
    done, _, stages = heaviest(settled, lambda kept: join(
        TableRows("events", events, ROWS), step, {"keys": TableRows("keys", keys, 4000)}, kept))
    assert (done.rows, done.counts["matched"]) == (ROWS, ROWS)
    [tasks] = [tasks for tasks in stages if len(tasks) > TASKS]  # the hot one's were split
    assert max(tasks) < ROWS // 4


def test_an_as_of_join(settled: SparkSession, events: DataFrame):
    prices = settled.range(ROWS // 10).selectExpr("if(id % 20 = 0, concat('k', id % 4000), 'hot') AS k", "id * 10 AS t",
                                                  "id AS price")
    step = AsOf.model_validate({"step": "as_of", "table": "prices", "on": ["k"], "time": "t",
                                "unmatched": {"left": "keep"}})
    done, _, stages = heaviest(settled, lambda kept: as_of(
        TableRows("events", events, ROWS), step, {"prices": TableRows("prices", prices, ROWS // 10)}, kept))
    assert done.rows == ROWS
    # The price of a hot row is that of the last number below its time that is no multiple of twenty.
    wrong = done.frame.where("k = 'hot' AND price IS DISTINCT FROM if(t < 10, NULL, t div 10 - if(t div 10 % 20 = 0, "
                             "1, 0))")
    assert wrong.where("t >= 10").count() == 0
    assert stages
    assert all(even(tasks) for tasks in stages), stages


def test_the_history_of_an_entity_with_most_events(settled: SparkSession, events: DataFrame):
    step = History.model_validate({"step": "history", "by": ["k"], "order": "t", "columns": ["t", "i"], "last": 50})
    done, rows, stages = heaviest(settled, lambda kept: history(TableRows("events", events, ROWS), step, kept))
    assert (done.rows, done.counts["events"], done.counts["older"]) == (201, ROWS, ROWS * 95 // 100 - 50)
    assert stages == []  # all but the latest went before the shuffle
    assert rows[0]["k"] == "hot"
    assert rows[0]["t"] == sorted(rows[0]["t"])
    assert rows[0]["t"][-1] == ROWS - 1
