"""Reads a raw version as a DataFrame. Each row has its file, its original record, and a rejection if it is unreadable.

    reading = open_raw(spark, raw, source)      # reading.frame: the columns, then FILE, RECORD, REJECT

One module or folder per format. `drift` compares the files' columns with the expected ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from json import loads
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading import kafka, media, spark_format, text
from laketrain.clean.reading.base import FILE, RECORD, REJECT, SETTINGS, Reader, Reading, rejection, with_metadata
from laketrain.clean.reading.columnar import reader as columnar
from laketrain.clean.reading.csv import reader as csv
from laketrain.clean.reading.drift import name_table_source
from laketrain.clean.reading.json.reader import read as read_json
from laketrain.clean.reading.partitions import (
    by_path_columns,
    union,
    with_original_paths,
    with_path_columns,
    without_columns,
)
from laketrain.clean.reading.raw_files import RawFile, raw_files, refuse_hidden
from laketrain.clean.reading.xml.reader import read as read_xml
from laketrain.config.column_names import find_clash
from laketrain.config.sources import FIXED, MEDIA, RESERVED, BaseSource, TableSource
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.spark.frames import quoted

__all__ = ["FILE", "RECORD", "REJECT", "SETTINGS", "Reading", "open_raw", "read_raw", "reading_fields", "rejection"]

_READERS: Mapping[str, Reader] = {
    "csv": csv.read,
    "json": read_json,
    "parquet": columnar.read,
    "orc": columnar.read,
    "text": text.read,
    "xml": read_xml,
    "images": media.read,
    "audio": media.read,
    "kafka": kafka.read,
}


def read_raw(spark: SparkSession, raw: Version, source: BaseSource) -> DataFrame:
    """The rows of `raw`, as `open_raw` returns them."""
    return open_raw(spark, raw, source).frame


def open_raw(spark: SparkSession, raw: Version, source: BaseSource, pinned: Mapping[str, Any] | None = None,
             personal: Collection[str] = ()) -> Reading:
    """The rows of `raw` and of the versions that it appends to. Unreadable records are rejected rows.

    Args:
        pinned: what an earlier version recorded of its inferred schema (see `CleanManifest`); None to infer it now.
        personal: columns whose values reasons don't quote.

    Raises:
        DataError: a file isn't in the declared format, encoding or schema, and the source's drift doesn't allow it.
    """
    expected = _expected(raw, source, pinned)
    files = raw_files(raw)
    fixed = source.format in FIXED or isinstance(source, TableSource)
    groups = {(): files} if fixed or not files else by_path_columns(files, expected)
    naming = name_table_source(raw.name, source) if isinstance(source, TableSource) else nullcontext()
    if isinstance(source, TableSource):
        source = source.landed
    if files:
        with naming:
            return union([_with_path_columns(spark, raw, group, source, expected, keys, personal)
                          for keys, group in groups.items()])
    if expected is None:
        raise DataError("clean", f"schema of source {raw.name!r}", "can't be inferred, as there is no file yet",
                        "declare the columns, or wait for the first file")
    return Reading(with_metadata(spark.createDataFrame([], expected), expected.names), expected, rows=0)


def _with_path_columns(spark: SparkSession, raw: Version, files: Sequence[RawFile], source: BaseSource,
                       expected: T.StructType | None, keys: Sequence[str], personal: Collection[str]) -> Reading:
    """The rows of files whose paths contain the columns `keys`."""
    reading = _rows(spark, files, source, without_columns(expected, keys))
    if expected is None:
        _refuse_clashes(raw, [*(name for name in reading.pinned.names if name not in keys), *keys])
    return with_path_columns(reading, keys, expected, personal) if keys else reading


def _rows(spark: SparkSession, files: Sequence[RawFile], source: BaseSource, expected: T.StructType | None) -> Reading:
    """The files' rows, each with the path that its file had at the source."""
    read = _READERS.get(source.format, spark_format.read)
    if source.format in MEDIA:  # isn't read by Spark, and returns original paths itself
        return read(spark, files, source, expected)
    refuse_hidden(files, by_name=source.format not in _READERS)
    reading = with_original_paths(read(spark, files, source, expected), files)
    if source.format == "binaryFile" and "path" in reading.frame.columns:  # Spark returns the path in the lake
        return replace(reading, frame=reading.frame.withColumn("path", F.col(FILE)))
    return reading


def _refuse_clashes(raw: Version, names: list[str]) -> None:
    """Raises DataError if two inferred columns clash, or one clashes with laketrain's. The config's check does so for
    declared columns."""
    reserved = next((name for name in names if name.lower() in RESERVED), None)
    twins = find_clash(names)
    if reserved is None and twins is None:
        return
    problem = f"has the column {reserved!r}, which laketrain reserves" if reserved is not None or twins is None else (
        f"has the columns {twins[0]!r} and {twins[1]!r}, which Spark can't distinguish")
    raise DataError("clean", f"schema of source {raw.name!r}", problem, "declare the columns that you need, by their "
                    "exact names, instead of schema: infer")


def reading_fields(reading: Reading, raw: Version, source: BaseSource) -> dict[str, Any]:
    """The reading's fields of a `CleanManifest`: its drift, and an inferred schema, which later files must have."""
    fields: dict[str, Any] = {"drift": reading.drift} if reading.drift else {}
    if source.declared == "infer":
        fields["pinned"] = {"source": raw.table, "format": source.format, "schema": loads(reading.pinned.json())}
    return fields


def _expected(raw: Version, source: BaseSource, pinned: Mapping[str, Any] | None) -> T.StructType | None:
    columns = source.columns or source.declared
    if isinstance(columns, dict):
        return _declared(raw, columns)
    pin = pinned or {}
    if (pin.get("source"), pin.get("format")) == (raw.table, source.format):
        return T.StructType.fromJson(pin["schema"])
    return None


def _declared(raw: Version, columns: Mapping[str, str]) -> T.StructType:
    text = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
    try:
        parsed = T.StructType.fromDDL(text)
    except PySparkException as error:
        raise DataError("clean", f"schema of source {raw.name!r}", str(error).splitlines()[0],
                        "use Spark SQL types such as string, int, double, timestamp, array<int>") from error
    assert isinstance(parsed, T.StructType)
    return parsed
