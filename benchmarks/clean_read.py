"""Clean's reading of CSV and of JSON lines, against Spark's own readers of the same files.

Ours refuses what is no record; Spark's is given the same columns, and for CSV the quote as its escape, without which
it misreads what pandas writes. Both go to Spark's sink that keeps nothing. A row has six columns, one of them a text
that in every tenth row is in quotes, with quotes in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.data import session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate
from benchmarks.timing import in_turn, ratio, warm_up
from laketrain.lake import Lake

ROWS = 1_000_000
FORMS = ("csv", "json")
OURS, SPARK = "laketrain", "Spark's reader"
_FILES = 4
_COLUMNS = {"id": "bigint", "name": "string", "age": "int", "country": "string", "income": "double", "text": "string"}
_SETTINGS = {"csv": {"header": True}, "json": {}}


def measure(options: Options) -> Result:
    rows, lake = options.rows or ROWS, str(options.folder / "lake")
    with fresh(options.folder, "spark") as spark:
        options.report("making the files")
        spark(prepare, lake, rows, options.cores)
        sides: dict[str, Callable[[], float]] = {}
        for form in FORMS:
            sides[who(OURS, form)] = partial(_rate, rows, partial(spark, time_ours, lake, form))
            sides[who(SPARK, form)] = partial(_rate, rows, partial(spark, time_spark, lake, form))
        # Twice: the JVM compiles what it has seen often.
        warm_up(sides, options.report)
        warm_up(sides, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        spark(stop)
    return compare(figures, options.title(rows, "rows"))


def who(side: str, form: str) -> str:
    """A side with its format."""
    return f"{side}, {form}"


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Of rows per second of each round."""
    lines = []
    for form in FORMS:
        ours, theirs = figures[who(OURS, form)], figures[who(SPARK, form)]
        lines += [Line(who(OURS, form), rate(ours)),
                  Line(who(SPARK, form), rate(theirs), f"{form}_vs_spark", ratio(ours, theirs), at_least(0.8))]
    return Result("clean_read", title, lines)


def _rate(rows: int, seconds: Callable[[], float]) -> float:
    return rows / seconds()


# In the process with the Spark session.

_cores: int


def prepare(lake: str, rows: int, cores: int) -> None:
    """`raw/csv` and `raw/json`, of the same rows, in a few files."""
    global _cores
    _cores = cores
    parts = [_table(places) for places in np.array_split(np.arange(rows), _FILES)]
    write: dict[str, Callable[[pd.DataFrame], str]] = {
        "csv": lambda part: part.to_csv(index=False),
        "json": lambda part: "".join(json.dumps(row) + "\n" for row in part.to_dict("records"))}
    for form in FORMS:
        with Lake(lake).table("raw", form).stage() as draft:
            for number, part in enumerate(parts):
                content = write[form](part).encode()
                Lake(lake).store.write(draft.path(f"part-{number:05d}.{form}"), content)
            draft.commit(stage="ingest", counts={"files": len(parts)})


def _table(places: np.ndarray) -> pd.DataFrame:
    random = np.random.default_rng(int(places[0]))
    size = len(places)
    return pd.DataFrame({
        "id": places, "name": [f" person {place} " for place in places], "age": random.integers(0, 100, size),
        "country": random.choice(["de", "fr", "it", "pl"], size), "income": random.normal(4e4, 1e4, size).round(2),
        "text": [('said "so", then ' if place % 10 == 0 else "some words of text ") * 2 for place in places]})


def time_ours(lake: str, form: str) -> float:
    """Seconds of reading all good rows, each with its file, as clean does."""
    from laketrain.clean.reading import FILE, REJECT, SETTINGS, read_raw
    from laketrain.config.sources import FileSource
    from laketrain.spark.frames import configured

    spark, raw = session_of(_cores), Lake(lake).table("raw", form).latest()
    assert raw is not None
    source = FileSource.model_validate({"format": form, "path": form, "schema": _COLUMNS, "options": _SETTINGS[form]})
    started = time.monotonic()
    with configured(spark, SETTINGS):
        rows = read_raw(spark, raw, source)
        rows.where(rows[REJECT].isNull()).select(*_COLUMNS, FILE).write.format("noop").mode("overwrite").save()
    return time.monotonic() - started


def time_spark(lake: str, form: str) -> float:
    """Seconds of Spark's reading the same files as they are."""
    from laketrain.clean.reading.raw_files import raw_files

    spark, raw = session_of(_cores), Lake(lake).table("raw", form).latest()
    assert raw is not None
    schema = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    started = time.monotonic()
    options = {**_SETTINGS[form], **({"escape": '"'} if form == "csv" else {})}
    rows = spark.read.schema(schema).options(**options).format(form).load([file.url for file in raw_files(raw)])
    rows.write.format("noop").mode("overwrite").save()
    return time.monotonic() - started


def stop() -> None:
    session_of(_cores).stop()
