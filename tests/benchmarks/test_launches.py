"""Many launches in one session leak no threads, no open files and hardly any memory."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest
from benchmarks import launches
from benchmarks.launches import DRIVER, JVM, PROCESSES, Held, Launched, compare
from tests import tiny

from laketrain.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.soak  # a test of test_launch.py checks threads, ports and files after a few launches
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dozen_launches_leak_no_threads_files_or_memory(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(launches)  # executors don't have the package of benchmarks
    dataset = tiny.commit_tiny(Lake(tmp_path))
    _, _, *seen = launches.follow(spark, dataset.lake.url, dataset.ref, 14)
    for label in (DRIVER, PROCESSES):  # the JVM is still filling its pools after so few launches
        first, last = ([each.held[label] for each in part] for part in (seen[:4], seen[-4:]))
        for what in ("threads", "files"):
            # The minimum: a rank may still be cleaning up when it is measured.
            before, after = (min(getattr(each, what) for each in part) for part in (first, last))
            assert after <= before, f"{label}: {before} {what}, then {after}"
        assert median(each.memory for each in last) < 1.1 * median(each.memory for each in first), label


def test_a_ratio_is_of_the_last_launches_to_the_first() -> None:
    def launched(number: int) -> Launched:
        grown = Held(100.0 + number, 10, 20)
        return Launched(2.0, {DRIVER: Held(300.0, 5, 7), JVM: Held(500.0, 60, 300), PROCESSES: grown}, 50.0)

    result = compare([launched(number) for number in range(200)], "200 launches")
    assert result.ratios["ranks_memory"] == pytest.approx(289.5 / 109.5, abs=1e-4)
    assert {key: value for key, value in result.ratios.items() if key != "ranks_memory"} == dict.fromkeys(
        ["seconds", "jvm_heap", "driver_memory", "driver_threads", "driver_files", "jvm_memory", "jvm_threads",
         "jvm_files", "ranks_threads", "ranks_files"], 1.0)
    failed = [line.key for line in result.lines if line.bar is not None and not line.bar.met(line.ratio)]
    assert failed == ["ranks_memory"]
    assert "the first 20 → the last 20" in result.title
