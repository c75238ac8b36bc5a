"""Slots are counted as Spark's configuration promises them."""

from __future__ import annotations

import pytest
from pyspark import SparkConf

from laketrain.distributed.slots import is_local, slots_promised


@pytest.mark.parametrize(
    ("settings", "slots"),
    [
        ({}, None),
        ({"spark.executor.instances": "3"}, 3),
        ({"spark.executor.instances": "3", "spark.executor.cores": "4"}, 12),
        ({"spark.executor.instances": "3", "spark.executor.cores": "5", "spark.task.cpus": "2"}, 6),
        ({"spark.cores.max": "8", "spark.task.cpus": "2"}, 4),
    ],
)
def test_promised_slots_are_executors_times_tasks_in_each(settings: dict[str, str], slots: int | None) -> None:
    assert slots_promised(SparkConf(loadDefaults=False).setAll(list(settings.items()))) == slots


@pytest.mark.parametrize(
    ("master", "local"),
    [("local", True), ("local[*]", True), ("local[2,4]", True), ("local-cluster[2,1,1024]", False), ("yarn", False),
     ("spark://localhost:7077", False)],
)
def test_local_is_what_runs_in_the_drivers_jvm(master: str, local: bool) -> None:
    assert is_local(master) is local
