"""A raw version as a DataFrame in which every row knows its file, its record as it came, and whether it was readable.

    reading = open_raw(spark, raw, source)      # reading.frame: the columns, then FILE, RECORD, REJECT

One file a kind of format. What files carry beside or instead of the expected columns is judged in `drift`.
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

from laketrain.clean.reading import columnar, delimited, foreign, media, messages, text
from laketrain.clean.reading.base import FILE, RECORD, REJECT, SETTINGS, Reader, Reading, marked, rejection
from laketrain.clean.reading.drift import told_of_table
from laketrain.clean.reading.json.reader import read as read_json
from laketrain.clean.reading.landed import RawFile, raw_files, refuse_hidden
from laketrain.clean.reading.partitions import by_path_columns, united, with_originals, with_path_columns, without
from laketrain.clean.reading.xml.reader import read as read_xml
from laketrain.config.names import alike
from laketrain.config.sources import FIXED, MEDIA, RESERVED, BaseSource, TableSource
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.spark.frames import quoted

__all__ = ["FILE", "RECORD", "REJECT", "SETTINGS", "Reading", "open_raw", "pin_of", "read_raw", "rejection"]

_READERS: Mapping[str, Reader] = {
    "csv": delimited.read,
    "json": read_json,
    "parquet": columnar.read,
    "orc": columnar.read,
    "text": text.read,
    "xml": read_xml,
    "images": media.read,
    "audio": media.read,
    "kafka": messages.read,
}


def read_raw(spark: SparkSession, raw: Version, source: BaseSource) -> DataFrame:
    """The rows of `raw`, as `open_raw` gives them."""
    return open_raw(spark, raw, source).frame


def open_raw(spark: SparkSession, raw: Version, source: BaseSource, pinned: Mapping[str, Any] | None = None,
             personal: Collection[str] = ()) -> Reading:
    """The rows of `raw` and of the versions that it adds to. A record that can't be read is there too, as rejected.

    Args:
        pinned: what `pin_of` gave of a source whose schema was inferred before; None where that is to be done now.
        personal: columns of which no reason may quote a value.

    Raises:
        DataError: a file isn't of the declared format, encoding or schema, beyond what the source's drift allows.
    """
    expected = _expected(raw, source, pinned)
    files = raw_files(raw)
    fixed = source.format in FIXED or isinstance(source, TableSource)
    groups = {(): files} if fixed or not files else by_path_columns(files, expected)
    telling = told_of_table(raw.name, source) if isinstance(source, TableSource) else nullcontext()
    if isinstance(source, TableSource):
        source = source.landed
    if files:
        with telling:
            return united([_with_keys(spark, raw, group, source, expected, keys, personal)
                           for keys, group in groups.items()])
    if expected is None:
        raise DataError("clean", f"schema of source {raw.name!r}", "can't be inferred, as there is no file yet",
                        "declare the columns, or wait for the first file")
    return Reading(marked(spark.createDataFrame([], expected), [field.name for field in expected]), expected, rows=0)


def _with_keys(spark: SparkSession, raw: Version, files: Sequence[RawFile], source: BaseSource,
               expected: T.StructType | None, keys: Sequence[str], personal: Collection[str]) -> Reading:
    """The rows of files whose paths name the columns `keys`."""
    reading = _rows(spark, files, source, without(expected, keys))
    if expected is None:
        _refuse_clashes(raw, [*(name for name in reading.pinned.names if name not in keys), *keys])
    return with_path_columns(reading, keys, expected, personal) if keys else reading


def _rows(spark: SparkSession, files: Sequence[RawFile], source: BaseSource, expected: T.StructType | None) -> Reading:
    """The files' rows, each with the name that its file had where it was landed from."""
    read = _READERS.get(source.format, foreign.read)
    if source.format in MEDIA:  # which Spark doesn't look for, and whose rows are told by those names
        return read(spark, files, source, expected)
    refuse_hidden(files, by_name=source.format not in _READERS)
    reading = with_originals(read(spark, files, source, expected), files)
    if source.format == "binaryFile" and "path" in reading.frame.columns:  # of which Spark knows the copy's alone
        return replace(reading, frame=reading.frame.withColumn("path", F.col(FILE)))
    return reading


def _refuse_clashes(raw: Version, names: list[str]) -> None:
    """Raises DataError where of inferred columns one would hide another, or one of ours. Declared ones were judged with
    the config."""
    own = next((name for name in names if name.lower() in RESERVED), None)
    twins = alike(names)
    if own is None and twins is None:
        return
    problem = f"has the column {own!r}, a name that laketrain uses itself" if own is not None or twins is None else (
        f"has the columns {twins[0]!r} and {twins[1]!r}, which can't be told apart")
    raise DataError("clean", f"schema of source {raw.name!r}", problem, "declare the columns that are wanted, by their "
                    "exact names, instead of schema: infer")


def pin_of(reading: Reading, raw: Version, source: BaseSource) -> dict[str, Any]:
    """What an entry keeps of a reading: an inferred schema, to which later files are held, and how they drifted."""
    kept: dict[str, Any] = {"drift": reading.drift} if reading.drift else {}
    if source.declared == "infer":
        kept["pinned"] = {"source": raw.table, "format": source.format, "schema": loads(reading.pinned.json())}
    return kept


def _expected(raw: Version, source: BaseSource, pinned: Mapping[str, Any] | None) -> T.StructType | None:
    columns = source.columns or source.declared
    if isinstance(columns, dict):
        return _declared(raw, columns)
    there = (pinned or {}).get("pinned", {})
    if (there.get("source"), there.get("format")) == (raw.table, source.format):
        return T.StructType.fromJson(there["schema"])
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
