"""Slots are counted from Spark's configuration."""

from __future__ import annotations

import pytest
from pyspark import SparkConf

from laketrain.distributed.launch.slots import configured_slots, is_local


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
def test_configured_slots_are_executors_times_tasks_in_each(settings: dict[str, str], slots: int | None) -> None:
    assert configured_slots(SparkConf(loadDefaults=False).setAll(list(settings.items()))) == slots


@pytest.mark.parametrize(
    ("master", "local"),
    [("local", True), ("local[*]", True), ("local[2,4]", True), ("local-cluster[2,1,1024]", False), ("yarn", False),
     ("spark://localhost:7077", False)],
)
def test_a_local_master_runs_tasks_in_the_drivers_jvm(master: str, local: bool) -> None:
    assert is_local(master) is local
