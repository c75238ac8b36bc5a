"""Convert: a committed table to a Petastorm dataset, against Petastorm's own way and against Spark copying the bytes.

Ours is the whole stage: check, split, statistics, quarantine, files synced to disk, commit. Rows keep their order, as
on the other sides. With `shuffle`, the default of the YAML, they are also sorted by a hash: that is a line of its own.
All sides run in one Spark session with as many slots as cores. JPEGs are files and are stored as JPEGs: ours decodes
each to check it and stores it unchanged, Petastorm's decodes and encodes, the copy does neither.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from benchmarks.data import JPEGS, NOISE, QUALITY, Kind, commit_table, convert_table, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate
from benchmarks.timing import in_turn, ratio, warm_up
from laketrain.integrate.stage import read_version
from laketrain.lake import Lake, Version

ROWS = 200_000
OURS, SHUFFLED = "laketrain convert", "laketrain convert, shuffled"
PETASTORM, COPY = "Petastorm: rdd.map(dict_to_spark_row)", "Spark: read and write Parquet"
# Petastorm's examples use 256 MB; with small row groups, like ours, it isn't slower.
_PETASTORM_ROW_GROUP_MB = 256


def measure(options: Options, kind: Kind = NOISE, rows: int = ROWS) -> Result:
    rows = options.rows or rows
    with fresh(options.folder, "spark") as spark:
        options.report("making the table")
        spark(prepare, str(options.folder / "lake"), rows, options.cores, kind)
        sides: dict[str, Callable[[], float]] = {
            OURS: lambda: rows / spark(timed, laketrain_way, False),
            PETASTORM: lambda: rows / spark(timed, petastorm_way),
            COPY: lambda: rows / spark(timed, spark_way),
            SHUFFLED: lambda: rows / spark(timed, laketrain_way, True),
        }
        warm_up(sides, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        spark(stop)
    return compare(figures, options.title(rows, kind.description))


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Takes rows per second of each round."""
    ours, petastorm, copy = figures[OURS], figures[PETASTORM], figures[COPY]
    return Result("convert", title, [
        Line(OURS, rate(ours)),
        Line(PETASTORM, rate(petastorm), "vs_dict_to_spark_row", ratio(ours, petastorm), at_least(10)),
        Line(COPY, rate(copy), "vs_spark_copy", ratio(ours, copy), at_least(0.7)),
        Line(SHUFFLED, rate(figures[SHUFFLED])),
    ])


# In the process that has the Spark session.

_table: Version
_kind: Kind
_cores: int


def prepare(lake: str, rows: int, cores: int, kind: Kind) -> None:
    global _table, _kind, _cores
    _kind, _cores = kind, cores
    _table = commit_table(Lake(lake), rows, cores, kind)


def stop() -> None:
    session_of(_cores).stop()


def timed(write: Callable[..., Path], *args: Any) -> float:
    """Seconds of a side. Its output is counted and removed."""
    spark = session_of(_cores)
    os.sync()  # this turn doesn't wait until files of others are on disk
    started = time.monotonic()
    folder = write(spark, *args)
    seconds = time.monotonic() - started
    rows = sum(pq.read_metadata(file).num_rows for file in folder.rglob("*.parquet"))
    if rows != _table.rows:
        raise RuntimeError(f"{write.__name__} wrote {rows} rows of {_table.rows}")
    shutil.rmtree(folder)
    return seconds


def laketrain_way(spark: SparkSession, shuffle: bool) -> Path:
    version = convert_table(spark, _table, shuffle, _kind)
    return Path(str(version.lake.store.local(version.path())))


def petastorm_way(spark: SparkSession) -> Path:
    """Writes the rows of the table as Petastorm's README does."""
    from petastorm.etl.dataset_metadata import materialize_dataset
    from petastorm.unischema import dict_to_spark_row

    folder, schema, pixels_of = _other("petastorm"), _petastorm_schema(), _petastorm_pixels()

    def row_of(row: Any) -> Any:
        return dict_to_spark_row(schema, {"image": pixels_of(row.pixels), "label": row.label, "name": row.name})

    with materialize_dataset(spark, folder.as_uri(), schema, _PETASTORM_ROW_GROUP_MB):
        rows = read_version(spark, _table).rdd.map(row_of)
        spark.createDataFrame(rows, schema.as_spark_schema()).write.mode("overwrite").parquet(folder.as_uri())
    return folder


def spark_way(spark: SparkSession) -> Path:
    folder = _other("copy")
    read_version(spark, _table).write.parquet(folder.as_uri())
    return folder


def _petastorm_schema() -> Any:
    from petastorm.codecs import CompressedImageCodec, NdarrayCodec, ScalarCodec
    from petastorm.unischema import Unischema, UnischemaField

    codec = CompressedImageCodec("jpeg", QUALITY) if _kind == JPEGS else NdarrayCodec()
    return Unischema("Images", [
        UnischemaField("image", np.uint8, _kind.shape, codec, False),
        UnischemaField("label", np.int64, (), ScalarCodec(T.LongType()), False),
        UnischemaField("name", np.str_, (), ScalarCodec(T.StringType()), False),
    ])


def _petastorm_pixels() -> Callable[[bytes], Any]:
    """The image of a row's bytes; JPEGs are decoded by OpenCV, as in Petastorm's codec."""
    shape = _kind.shape
    if _kind != JPEGS:
        return lambda content: np.frombuffer(content, np.uint8).reshape(shape)

    def opened(content: bytes) -> Any:
        import cv2

        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]

    return opened


def _other(name: str) -> Path:
    """The directory where another side writes, next to the lake."""
    return Path(_table.lake.url).with_name(name)
