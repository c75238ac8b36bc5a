"""Memory: the peak of a rank's process, trained on 1×, 3× and 10× the rows.

A world of one, the linear model, one epoch; a new process each time. The shuffle window is smaller than the smallest
data, so that it, not the data, determines the memory. The peak of importing TensorFlow is shown too: if that were
nearly all of it, growth of the rest would be hidden.
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
        """Runs a function in a new process and returns its result."""
        with fresh(options.folder, "rank") as rank:
            return float(rank(function, *args))

    figures = in_turn({
        TENSORFLOW: partial(alone, peak_of_tensorflow),
        **{label(factor): partial(alone, peak_of_rank, lakes[factor], refs[factor], window) for factor in FACTORS},
    }, options.pairs, options.report)
    return compare(figures, f"{options.title(rows)}, a window of {window:.3g} MB")


def label(factor: int) -> str:
    """The name of the side that trains on `factor` times the rows."""
    return f"a rank, {factor}× the rows"


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Takes MB of each round."""
    once, three, ten = (figures[label(factor)] for factor in FACTORS)
    return Result("memory", title, [
        Line(TENSORFLOW, megabytes(figures[TENSORFLOW])),
        Line(label(1), megabytes(once)),
        Line(label(3), megabytes(three), ratio=ratio(three, once)),
        Line(label(10), megabytes(ten), "peak_10x_over_1x", ratio(ten, once), below(1.1)),
    ], against="against 1×")


# Each runs in a new process and returns its peak in MB.


def peak_of_tensorflow() -> float:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras  # noqa: F401

    return peak_mb()


def peak_of_rank(lake: str, ref: str, window: float) -> float:
    """The peak of an epoch of the same `fit` that ranks on Spark run."""
    from laketrain.distributed import World
    from laketrain.train.fit import FitTask, fit
    from laketrain.workload import Train

    config = Train.model_validate({
        "model": {"name": "linear"}, "split": SPLIT, "validation": None, "epochs": 1, "batch": _BATCH,
        "shuffle_window_mb": window})
    fit(FitTask(lake, ref, config, name="benchmark", run="benchmark"), World(0, 1), report=lambda event: None)
    return peak_mb()


def peak_mb() -> float:
    """The peak memory of this process. `getrusage` would count that of its parent at the fork."""
    result = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if result is None:
        raise RuntimeError("/proc/self/status says no VmHWM: memory is measured on Linux only")
    return int(result[1]) / 1024
