"""Memory: the most that a rank's process ever held, trained on 1×, 3× and 10× the rows.

A world of one, the linear model, one epoch; a new process each time. The shuffle window is smaller than the least of
the data, so that it, not they, sets what is held. TensorFlow, imported and nothing more, is shown beside: a peak that
was nearly all of it could hide that the rest grows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.data import NOISE, SPLIT, make_dataset
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.read import window_mb
from benchmarks.result import Line, Result, below, megabytes
from benchmarks.timing import in_turn, ratio

ROWS = 20_000
FACTORS = (1, 3, 10)
TENSORFLOW = "TensorFlow alone"
WINDOW_MB = 32
_BATCH = 128


def measure(options: Options) -> Result:
    rows, lakes = options.rows or ROWS, {factor: str(options.folder / f"lake-{factor}") for factor in FACTORS}
    with fresh(options.folder, "spark") as spark:
        refs = {}
        for factor, lake in lakes.items():
            options.report(f"making {factor}× the data")
            refs[factor], _ = spark(make_dataset, lake, rows * factor, options.cores)
    window = window_mb(rows, NOISE.shape, WINDOW_MB)

    def alone(function: Any, *args: Any) -> float:
        """What it returns, in a process of its own."""
        with fresh(options.folder, "rank") as rank:
            return float(rank(function, *args))

    figures = in_turn({
        TENSORFLOW: partial(alone, peak_of_tensorflow),
        **{who(factor): partial(alone, peak_of_rank, lakes[factor], refs[factor], window) for factor in FACTORS},
    }, options.pairs, options.report)
    return compare(figures, f"{options.title(rows)}, a window of {window:.3g} MB")


def who(factor: int) -> str:
    """The side that trains on so many times the rows."""
    return f"a rank, {factor}× the rows"


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Of MB of each round."""
    once, three, ten = (figures[who(factor)] for factor in FACTORS)
    return Result("memory", title, [
        Line(TENSORFLOW, megabytes(figures[TENSORFLOW])),
        Line(who(1), megabytes(once)),
        Line(who(3), megabytes(three), ratio=ratio(three, once)),
        Line(who(10), megabytes(ten), "peak_10x_over_1x", ratio(ten, once), below(1.1)),
    ], against="against 1×")


# Each in a new process: its peak in MB.


def peak_of_tensorflow() -> float:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras  # noqa: F401

    return peak_mb()


def peak_of_rank(lake: str, ref: str, window: float) -> float:
    """After an epoch of the same `fit` that ranks on Spark run."""
    from laketrain.distributed import World
    from laketrain.train.fit import FitTask, fit
    from laketrain.workload import Train

    config = Train.model_validate({
        "model": {"name": "linear"}, "split": SPLIT, "validation": None, "epochs": 1, "batch": _BATCH,
        "shuffle_window_mb": window})
    fit(FitTask(lake, ref, config, name="benchmark", run="benchmark"), World(0, 1), report=lambda event: None)
    return peak_mb()


def peak_mb() -> float:
    """The most memory that this process ever held. `getrusage` would count what its parent held at the fork."""
    result = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if result is None:
        raise RuntimeError("/proc/self/status says no VmHWM: memory is measured on Linux only")
    return int(result[1]) / 1024
