"""Launch: two ranks that connect, sum a number and end, against the same with `horovod.spark.run`.

Cold is the first launch in a Spark session that has run no Python yet; warm is the second one in the same session.
Importing either library on the driver doesn't count. Every round has new processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.data import session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, seconds
from benchmarks.timing import in_turn, ratio, warm_up

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.distributed import World

RANKS = 2
OURS, HOROVOD = "laketrain launch", "horovod.spark.run"


def measure(options: Options) -> Result:
    def both(launches: Any) -> tuple[float, float]:
        """Seconds of a cold and a warm launch, in a new process."""
        with fresh(options.folder, launches.__name__) as driver:
            return driver(launches, options.cores)

    with fresh(options.folder, "imports") as process:
        warm_up({"imports": lambda: process(import_all)}, options.report)
    result = in_turn({OURS: lambda: both(laketrain_launches), HOROVOD: lambda: both(horovod_launches)},
                    options.pairs, options.report)
    return compare(result, f"{RANKS} ranks, {options.title()}")


def compare(launches: Mapping[str, Sequence[tuple[float, float]]], title: str) -> Result:
    """Takes seconds, cold and warm, of each round. Only warm launches have a bar."""
    (our_cold, our_warm), (cold, warm) = (list(zip(*launches[side], strict=True)) for side in (OURS, HOROVOD))
    return Result("launch", title, [
        Line(f"{OURS}, warm", seconds(our_warm)),
        Line(f"{HOROVOD}, warm", seconds(warm), "vs_horovod_spark_run", ratio(warm, our_warm), at_least(5)),
        Line(f"{OURS}, cold", seconds(our_cold)),
        Line(f"{HOROVOD}, cold", seconds(cold), ratio=ratio(cold, our_cold)),
    ])


def import_all() -> None:
    """Loads the libraries into the page cache before the first round."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import horovod.tensorflow  # noqa: F401
    import keras  # noqa: F401


# Each in a new process, with a Spark session that has run a job, but none in Python.


def laketrain_launches(cores: int) -> tuple[float, float]:
    from laketrain.distributed import launch

    return _cold_and_warm(cores, lambda spark: launch(spark, _laketrain_rank, RANKS))


def horovod_launches(cores: int) -> tuple[float, float]:
    import horovod.spark

    return _cold_and_warm(cores, lambda _: horovod.spark.run(_horovod_rank, num_proc=RANKS, use_gloo=True, verbose=0))


def _cold_and_warm(cores: int, launch: Callable[[SparkSession], list[float]]) -> tuple[float, float]:
    """Seconds of the first and of the second launch."""
    spark = session_of(cores)
    try:
        spark.range(cores).count()
        return _timed(spark, launch), _timed(spark, launch)
    finally:
        spark.stop()


def _timed(spark: SparkSession, launch: Callable[[SparkSession], list[float]]) -> float:
    started = time.monotonic()
    totals = launch(spark)
    seconds = time.monotonic() - started
    if totals != [float(RANKS)] * RANKS:
        raise RuntimeError(f"the ranks did not meet: {totals}")
    return seconds


# The work of a rank: the sum of ones over the ranks is their number.


def _laketrain_rank(world: World, report: Callable[[dict[str, Any]], None]) -> float:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    return float(hvd.allreduce(tf.ones(()), op=hvd.Sum))


def _horovod_rank() -> float:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    total = float(hvd.allreduce(tf.ones(()), op=hvd.Sum))
    hvd.shutdown()
    return total
