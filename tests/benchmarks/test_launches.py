"""Many launches in one session leave nothing behind: neither threads nor open files, and no memory to speak of."""

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


@pytest.mark.soak  # of test_launch, one looks at threads, ports and files after a few
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dozen_launches_leak_no_threads_files_or_memory(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(launches)  # executors have no benchmarks
    dataset = tiny.commit_tiny(Lake(tmp_path))
    _, _, *seen = launches.follow(spark, dataset.lake.url, dataset.ref, 14)
    for label in (DRIVER, PROCESSES):  # the JVM is still filling its pools after so few
        first, last = ([each.held[label] for each in part] for part in (seen[:4], seen[-4:]))
        for what in ("threads", "files"):
            # The least: a rank may still be clearing up when it is looked at.
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
