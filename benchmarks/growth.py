"""Growth: what takes a time at some rows may take ten times that at ten times the rows, and hardly more.

Clean reads CSV, applies six rules (one of which shuffles) and quarantines a hundredth; convert shuffles, as is its
default; both in one Spark session. An epoch trains the linear model, in a rank's process. Each at sizes at which 1×
takes some seconds. What a stage of Spark costs in any case makes its ratio look better than it is, so that is shown
beside: its time on a few rows.
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
# Of the lake with a few rows, in place of a number of times.
NONE = 0
FEW = 200
WINDOW_MB = 64
_BATCH = 128


def measure(options: Options) -> Result:
    rows = {stage: options.rows or own for stage, own in ROWS.items()}
    lakes = {factor: str(options.folder / f"lake-{factor}") for factor in (NONE, 1, TIMES)}
    # Smaller than the data also at 1×: what fits a window is kept from epoch to epoch, and 10× would not be.
    window = window_mb(rows["epoch"], NOISE.shape, WINDOW_MB)
    with fresh(options.folder, "spark") as spark, fresh(options.folder, "rank") as rank:
        for factor, lake in lakes.items():
            options.report(f"making {factor}× the data")
            spark(prepare, lake, {stage: own * factor or FEW for stage, own in rows.items()},
                  max(1, options.cores * factor), options.cores)
        sides: dict[str, Callable[[], float]] = {}
        for factor, lake in lakes.items():
            sides |= {who("clean", factor): partial(spark, time_clean, lake),
                      who("convert", factor): partial(spark, time_convert, lake)}
            if factor != NONE:
                sides[who("epoch", factor)] = partial(rank, time_epoch, lake, window)
        warm_up({name: sides[name] for name in (who(stage, 1) for stage in rows)}, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        spark(stop)
    return compare(figures, rows, options.title())


def who(stage: str, factor: int) -> str:
    """A stage on so many times the rows."""
    return f"{stage}, {factor}×"


def compare(figures: Mapping[str, Sequence[float]], rows: Mapping[str, int], title: str) -> Result:
    """Of seconds of each round; `rows` are those of 1×, by stage."""
    lines = []
    for stage, own in rows.items():
        one, ten = figures[who(stage, 1)], figures[who(stage, TIMES)]
        if who(stage, NONE) in figures:
            lines.append(Line(f"{stage}, {FEW:,} {WHAT[stage]}", seconds(figures[who(stage, NONE)])))
        lines += [Line(f"{stage}, {own:,} {WHAT[stage]}", seconds(one)),
                  Line(f"{stage}, {own * TIMES:,} {WHAT[stage]}", seconds(ten), stage, ratio(ten, one), at_most(10.5))]
    return Result("growth", title, lines, against=f"{TIMES}× against 1×")


# In the process with the Spark session.

_cores: int
_made: dict[str, dict[str, Version]] = {}


def prepare(lake: str, rows: Mapping[str, int], files: int, cores: int) -> None:
    """Of each stage what it reads, in files of the same size whatever the rows."""
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
        for part, places in enumerate(np.array_split(np.arange(rows), min(files, rows))):
            content = io.BytesIO()
            pa.csv.write_csv(_people(places, part), content)
            lake.store.write(draft.path(f"part-{part:05d}.csv"), content.getvalue())
        return draft.commit(stage="ingest", counts={"files": part + 1})


def _people(places: Any, seed: int) -> pa.Table:
    random, size = np.random.default_rng(seed), len(places)
    return pa.table({
        "id": places,
        "name": [f" person {place} " for place in places],
        "age": np.where(places % 100 == 0, 999, random.integers(0, 100, size)),
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
    # A key of its own each time: rejects of the same key would be taken from the last time.
    key = str(time.monotonic_ns())
    return _timed(lambda: clean(session_of(_cores), _made[lake]["clean"], _TABLE, rules, source, key))


def time_convert(lake: str) -> float:
    return _timed(lambda: convert_table(session_of(_cores), _made[lake]["convert"], shuffle=True))


def _timed(stage: Callable[[], Version]) -> float:
    """Seconds of a stage, whose data are removed."""
    os.sync()  # what others wrote is not to be waited for in this turn
    started = time.monotonic()
    version = stage()
    took = time.monotonic() - started
    version.lake.store.delete(version.path())
    return took


# In the rank's process.


def time_epoch(lake: str, window: float) -> float:
    """Of the second one: in the first, graphs are traced and threads are started."""
    from laketrain.distributed import World
    from laketrain.train.fit import FitTask, fit
    from laketrain.workload import Train

    config = Train.model_validate({
        "model": {"name": "linear"}, "split": SPLIT, "validation": None, "epochs": 2, "batch": _BATCH,
        "shuffle_window_mb": window})
    task = FitTask(lake, f"features/{NOISE.name}@1", config, name="benchmark", run=str(time.monotonic_ns()))
    return float(fit(task, World(0, 1), report=lambda event: None)["history"][-1]["seconds"])
