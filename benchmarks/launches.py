"""Launches: two hundred in one Spark session, and whether processes leak memory, threads or files.

Each launch is a small training by two ranks: rendezvous, Horovod, a feed, an epoch, a model in the lake. Between
launches the driver, Spark's JVM and the processes of the ranks are measured; Spark keeps the latter for the next
launch. The JVM has all of its heap from the start, so that its memory shows what isn't heap. The heap is measured by
what is in use after a collection. All figures are medians of the first twenty and of the last twenty launches.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.data import SPLIT, commit_table, convert_table
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Bar, Line, Result, at_most
from laketrain.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.distributed import World
    from laketrain.train.fit import FitTask

LAUNCHES, EDGE, RANKS, ROWS = 200, 20, 2, 600
HEAP = "512m"
DRIVER, JVM, PROCESSES = "the driver", "Spark's JVM", "the ranks' processes"


@dataclass(frozen=True)
class Held:
    """Memory in MB, threads, open files and sockets of one or several processes."""

    memory: float
    threads: int
    files: int

    @classmethod
    def by(cls, *pids: int) -> Held:
        """Measures these processes now."""
        result = [psutil.Process(pid) for pid in pids]
        return cls(sum(process.memory_info().rss for process in result) / (1 << 20),
                   sum(process.num_threads() for process in result), sum(process.num_fds() for process in result))


@dataclass(frozen=True)
class Launched:
    """A launch's seconds, the resources of each process after it, and the JVM's heap in use, in MB."""

    seconds: float
    held: dict[str, Held]
    heap: float


def measure(options: Options) -> Result:
    with fresh(options.folder, "driver") as driver:
        options.report(f"{LAUNCHES} launches")
        launched = driver(launch_often, str(options.folder / "lake"), options.rows or ROWS, options.cores, LAUNCHES)
    return compare(launched, f"{LAUNCHES} trainings by {RANKS} ranks in one session, {options.cores} cores")


def compare(launched: Sequence[Launched], title: str) -> Result:
    """Compares the last launches with the first ones."""
    edge = min(EDGE, len(launched) // 2)

    def line(label: str, unit: str, figures: Sequence[float], key: str, bar: Bar | None) -> Line:
        first, last = median(figures[:edge]), median(figures[-edge:])
        digits = 1 if unit == "s" else 0
        return Line(label, f"{first:,.{digits}f} → {last:,.{digits}f} {unit}", key, last / first, bar)

    lines = [line("a launch", "s", [each.seconds for each in launched], "seconds", None),
             line(f"{JVM}, heap in use", "MB", [each.heap for each in launched], "jvm_heap", at_most(1.1))]
    # The JVM's pools keep threads for a minute after their last use: their number goes up and down.
    for label, key, threads in ((DRIVER, "driver", 1.0), (JVM, "jvm", 1.25), (PROCESSES, "ranks", 1.0)):
        held = [each.held[label] for each in launched]
        lines += [line(f"{label}, memory", "MB", [each.memory for each in held], f"{key}_memory", at_most(1.05)),
                  line(f"{label}, threads", "", [each.threads for each in held], f"{key}_threads", at_most(threads)),
                  line(f"{label}, open files", "", [each.files for each in held], f"{key}_files", at_most(1.0))]
    return Result("launches", f"{title}; the first {edge} → the last {edge}", lines, against="last over first")


# In a new process, the driver.


def launch_often(lake: str, rows: int, cores: int, launches: int) -> list[Launched]:
    """Returns the measurements after each launch."""
    spark = _session_of(cores)
    try:
        dataset = convert_table(spark, commit_table(Lake(lake), rows, cores))
        return list(follow(spark, dataset.lake.url, dataset.ref, launches))
    finally:
        spark.stop()


def _session_of(cores: int) -> SparkSession:
    from laketrain.config.spark import Spark
    from laketrain.spark.session import session

    return session(Spark(master=f"local[{cores}]", conf={
        "spark.driver.memory": HEAP, "spark.driver.extraJavaOptions": f"-Xms{HEAP} -XX:+AlwaysPreTouch"}), "benchmarks")


def follow(spark: SparkSession, lake: str, ref: str, launches: int) -> Iterator[Launched]:
    """Trains on the dataset `ref`, split `train`, in one launch after the other; yields each when it is over.

    Raises:
        RuntimeError: the ranks ran in other processes than in the first launch.
    """
    from laketrain.distributed import launch
    from laketrain.train.fit import FitTask
    from laketrain.workload import Train

    config = Train.model_validate({"model": {"name": "linear"}, "split": SPLIT, "validation": None, "epochs": 1,
                                   "batch": 64, "ranks": RANKS})
    processes: list[int] = []
    for number in range(launches):
        task = FitTask(lake, ref, config, name=f"model-{number}", run="benchmark", output=f"fitted/model-{number}")
        started = time.monotonic()
        pids = sorted(launch(spark, partial(train_as_rank, task), RANKS))
        seconds = time.monotonic() - started
        processes = processes or pids
        if pids != processes:
            raise RuntimeError(f"launch {number} ran in the processes {pids}, the first one in {processes}")
        yield Launched(seconds, *_seen(spark, processes))


def train_as_rank(task: FitTask, world: World, report: Any) -> int:
    """Trains as a rank; returns the id of the process."""
    from laketrain.train.fit import fit

    fit(task, world, report)
    return os.getpid()


def _seen(spark: SparkSession, processes: Sequence[int]) -> tuple[dict[str, Held], float]:
    java = spark._jvm.java.lang
    java.System.gc()
    heap = java.Runtime.getRuntime().totalMemory() - java.Runtime.getRuntime().freeMemory()
    jvm = int(java.ProcessHandle.current().pid())
    held = {DRIVER: Held.by(os.getpid()), JVM: Held.by(jvm), PROCESSES: Held.by(*processes)}
    return held, heap / (1 << 20)
