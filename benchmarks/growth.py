"""Growth: ten times the rows may take ten times as long, and hardly more.

Clean reads CSV, applies six rules (one of which shuffles) and quarantines a hundredth; convert shuffles, as is its
default; both in one Spark session. An epoch trains the linear model in a rank's process. Sizes are such that 1× takes
some seconds. The fixed cost of a Spark stage makes its ratio look better than it is, so its time on a few rows is
shown too.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.data import NOISE, SPLIT, commit_table, convert_table, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.read import window_mb
from benchmarks.result import Line, Result, at_most, seconds
from benchmarks.timing import in_turn, ratio, warm_up
from laketrain.lake import Lake, Version

ROWS = {"clean": 200_000, "convert": 50_000, "epoch": 100_000}
WHAT = {"clean": "rows of CSV", "convert": "images", "epoch": "images"}
TIMES = 10
# The lake with a few rows, instead of a factor.
NONE = 0
FEW = 200
WINDOW_MB = 64
_BATCH = 128


def measure(options: Options) -> Result:
    rows = {stage: options.rows or default for stage, default in ROWS.items()}
    lakes = {factor: str(options.folder / f"lake-{factor}") for factor in (NONE, 1, TIMES)}
    # Smaller than the data even at 1×: data that fit a window are kept from epoch to epoch.
    window = window_mb(rows["epoch"], NOISE.shape, WINDOW_MB)
    with fresh(options.folder, "spark") as spark, fresh(options.folder, "rank") as rank:
        for factor, lake in lakes.items():
            options.report(f"making {factor}× the data")
            spark(prepare, lake, {stage: default * factor or FEW for stage, default in rows.items()},
                  max(1, options.cores * factor), options.cores)
        sides: dict[str, Callable[[], float]] = {}
        for factor, lake in lakes.items():
            sides |= {label("clean", factor): partial(spark, time_clean, lake),
                      label("convert", factor): partial(spark, time_convert, lake)}
            if factor != NONE:
                sides[label("epoch", factor)] = partial(rank, time_epoch, lake, window)
        warm_up({name: sides[name] for name in (label(stage, 1) for stage in rows)}, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        spark(stop)
    return compare(figures, rows, options.title())


def label(stage: str, factor: int) -> str:
    """The name of a stage on `factor` times the rows."""
    return f"{stage}, {factor}×"


def compare(figures: Mapping[str, Sequence[float]], rows: Mapping[str, int], title: str) -> Result:
    """Takes seconds of each round; `rows` are those of 1×, by stage."""
    lines = []
    for stage, default in rows.items():
        once, grown = figures[label(stage, 1)], figures[label(stage, TIMES)]
        if label(stage, NONE) in figures:
            lines.append(Line(f"{stage}, {FEW:,} {WHAT[stage]}", seconds(figures[label(stage, NONE)])))
        lines += [Line(f"{stage}, {default:,} {WHAT[stage]}", seconds(once)),
                  Line(f"{stage}, {default * TIMES:,} {WHAT[stage]}", seconds(grown), stage, ratio(grown, once),
                       at_most(10.5))]
    return Result("growth", title, lines, against=f"{TIMES}× against 1×")


# In the process with the Spark session.

_cores: int
_made: dict[str, dict[str, Version]] = {}


def prepare(lake: str, rows: Mapping[str, int], files: int, cores: int) -> None:
    """Commits the input of each stage, in files of the same size for any number of rows."""
    global _cores
    _cores = cores
    images = commit_table(Lake(lake), rows["convert"], files)
    _made[lake] = {"clean": land(Lake(lake), rows["clean"], files), "convert": images}
    if rows["epoch"] != images.rows:
        images = commit_table(Lake(lake), rows["epoch"], files)
    convert_table(session_of(cores), images)


def stop() -> None:
    session_of(_cores).stop()


def land(lake: Lake, rows: int, files: int) -> Version:
    """`raw/people`: CSV of which every hundredth row has a bad age."""
    with lake.table("raw", _TABLE).stage() as draft:
        for part, indices in enumerate(np.array_split(np.arange(rows), min(files, rows))):
            content = io.BytesIO()
            pa.csv.write_csv(_people(indices, part), content)
            lake.store.write(draft.path(f"part-{part:05d}.csv"), content.getvalue())
        return draft.commit(stage="ingest", counts={"files": part + 1})


def _people(indices: Any, seed: int) -> pa.Table:
    random, size = np.random.default_rng(seed), len(indices)
    return pa.table({
        "id": indices,
        "name": [f" person {index} " for index in indices],
        "age": np.where(indices % 100 == 0, 999, random.integers(0, 100, size)),
        "country": random.choice(_COUNTRIES, size),
        "income": random.normal(40_000, 10_000, size).round(2),
    })


_TABLE, _COUNTRIES = "people", ["de", "fr", "it", "pl"]
_SOURCE = {"format": "csv", "path": "people", "options": {"header": True},
           "schema": dict.fromkeys(["id", "name", "age", "country", "income"], "string")}
_RULES = {"max_reject_fraction": 0.5, "rules": [
    {"not_null": {"columns": ["id", "name"]}},
    {"trim": {"columns": ["name"]}},
    {"cast": {"column": "age", "to": "int"}},
    {"range": {"column": "age", "min": 0, "max": 150}},
    {"allowed": {"column": "country", "values": _COUNTRIES}},
    {"unique": {"key": ["id"]}},
]}


def time_clean(lake: str) -> float:
    from laketrain.clean import clean
    from laketrain.config.clean import CleanTable
    from laketrain.config.sources import FileSource

    rules, source = CleanTable.model_validate(_RULES), FileSource.model_validate(_SOURCE)
    # A new fingerprint each time: else the quarantine of the last time would be reused.
    key = str(time.monotonic_ns())
    return _timed(lambda: clean(session_of(_cores), _made[lake]["clean"], _TABLE, rules, source, key))


def time_convert(lake: str) -> float:
    return _timed(lambda: convert_table(session_of(_cores), _made[lake]["convert"], shuffle=True))


def _timed(stage: Callable[[], Version]) -> float:
    """Seconds of a stage; its output is removed."""
    os.sync()  # this turn doesn't wait until files of others are on disk
    started = time.monotonic()
    version = stage()
    took = time.monotonic() - started
    version.lake.store.delete(version.path())
    return took


# In the rank's process.


def time_epoch(lake: str, window: float) -> float:
    """Seconds of the second epoch: in the first, graphs are traced and threads are started."""
    from laketrain.distributed import World
    from laketrain.train.fit import FitTask, fit
    from laketrain.workload import Train

    config = Train.model_validate({
        "model": {"name": "linear"}, "split": SPLIT, "validation": None, "epochs": 2, "batch": _BATCH,
        "shuffle_window_mb": window})
    task = FitTask(lake, f"features/{NOISE.name}@1", config, name="benchmark", run=str(time.monotonic_ns()))
    return float(fit(task, World(0, 1), report=lambda event: None)["history"][-1]["seconds"])
