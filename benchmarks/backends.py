"""Backends: Horovod against the second backend, in launches, allreduces and trainings of two ranks.

A launch connects, sums a number and ends; cold is the first one of a Spark session that has run no Python yet. An
allreduce is `World.average` of one float32 tensor, as training calls it, in a graph, by the slowest rank. Trainings are
those of `train`: the rows per second of the median epoch. Each ratio is Horovod's time over the second backend's (for
trainings the second backend's rate over Horovod's), so above 1 the second backend is quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import train
from benchmarks.data import make_dataset, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, rate
from benchmarks.scaling import time_rank
from benchmarks.timing import in_turn, ratio

if TYPE_CHECKING:
    from laketrain.distributed import World

HOROVOD, TENSORFLOW = "horovod", "tensorflow"
SIZES = {"1 KB": 1 << 10, "100 KB": 100 << 10, "1 MB": 1 << 20, "10 MB": 10 << 20, "100 MB": 100 << 20}
RANKS = (2, 4)
REPEATS = 9
ROWS = 10_000

Times = Mapping[str, Sequence[Sequence[float]]]
"""Of each backend, in each round, the figures of a part."""


def measure(options: Options) -> Result:
    backends, folder = (HOROVOD, TENSORFLOW), options.folder

    def launches(backend: str) -> list[float]:
        """Seconds of a cold and a warm launch, in a new process."""
        with fresh(folder, f"launch-{backend}") as driver:
            return list(driver(cold_and_warm, backend, options.cores))

    parts: dict[str, Times] = {"launch": in_turn({each: partial(launches, each) for each in backends}, options.pairs,
                                                 options.report)}
    with fresh(folder, "ranks") as driver:
        for ranks in RANKS:
            sides = {each: partial(driver, allreduces, ranks, each) for each in backends}
            parts[f"{ranks} ranks"] = in_turn(sides, options.pairs, options.report)
    rows, lake = options.rows or ROWS, str(folder / "lake")
    with fresh(folder, "training") as driver:
        options.report("making the dataset")
        ref, _ = driver(make_dataset, lake, rows, options.cores)
        sides = {each: partial(driver, trainings, lake, ref, options.cores, each) for each in backends}
        parts["train"] = in_turn(sides, options.pairs, options.report)
        driver(train.stop, options.cores)
    return compare(parts, options.title(rows))


def compare(parts: Mapping[str, Times], title: str) -> Result:
    """Takes the figures of each part: seconds of launches (cold, warm) and of SIZES, rows per second of MODELS."""
    lines: list[Line] = []
    for index, kind in enumerate(("cold", "warm")):
        lines += _lines(f"launch, {kind}", f"launch_{kind}", parts["launch"], index)
    for ranks in RANKS:
        for index, size in enumerate(SIZES):
            lines += _lines(f"{size} by {ranks} ranks", f"allreduce_{ranks}_ranks_{size.replace(' ', '_').lower()}",
                            parts[f"{ranks} ranks"], index)
    for index, model in enumerate(train.MODELS):
        ours, horovod = ([figures[index] for figures in parts["train"][side]] for side in (TENSORFLOW, HOROVOD))
        lines += [Line(f"{model} CNN, {HOROVOD}", rate(horovod)),
                  Line(f"{model} CNN, {TENSORFLOW}", rate(ours), f"train_{model}", ratio(ours, horovod))]
    return Result("backends", title, lines, against=f"{TENSORFLOW} against {HOROVOD}")


def _lines(label: str, key: str, times: Times, index: int) -> list[Line]:
    """The lines of one time, which is number `index` of each round's."""
    ours, horovod = ([figures[index] for figures in times[side]] for side in (TENSORFLOW, HOROVOD))
    return [Line(f"{label}, {HOROVOD}", milliseconds(horovod)),
            Line(f"{label}, {TENSORFLOW}", milliseconds(ours), key, ratio(horovod, ours))]


def milliseconds(figures: Sequence[float]) -> str:
    """Formats short times for the table."""
    return f"{median(figures) * 1e3:,.1f} ms ({min(figures) * 1e3:,.1f} – {max(figures) * 1e3:,.1f})"


# In a process with a Spark session.


def cold_and_warm(backend: str, cores: int) -> tuple[float, float]:
    """Seconds of the first and of the second launch of two ranks in a session that has run a job, none in Python."""
    from laketrain.distributed import launch

    def seconds() -> float:
        started = time.monotonic()
        totals = launch(spark, _sum_of_ones, 2, backend=backend)
        if totals != [2.0, 2.0]:
            raise RuntimeError(f"the ranks did not meet: {totals}")
        return time.monotonic() - started

    spark = session_of(cores)
    try:
        spark.range(cores).count()
        return seconds(), seconds()
    finally:
        spark.stop()


def allreduces(ranks: int, backend: str) -> list[float]:
    """Seconds of an allreduce of each of SIZES, by the slowest rank."""
    from laketrain.distributed import launch

    task = partial(time_rank, tuple(SIZES.values()), REPEATS)
    by_rank = launch(session_of(max(RANKS)), task, ranks, backend=backend)
    return [max(times) for times in zip(*by_rank, strict=True)]


def trainings(lake: str, ref: str, cores: int, backend: str) -> list[float]:
    """Rows per second of each of `train.MODELS`."""
    return [train.fit_ranks(lake, ref, cores, model, train.EPOCHS, backend).rate for model in train.MODELS]


def _sum_of_ones(world: World, report: Callable[[dict[str, Any]], None]) -> float:
    return float(world.sum(1.0))
