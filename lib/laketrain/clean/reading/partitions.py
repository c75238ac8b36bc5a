"""Columns that stand in the paths of files, as Hive, Spark, Arrow and DuckDB write them: `day=2026-11-20/0.parquet`.

    groups = by_path_columns(files, expected)    # {("day",): files}
    rows.select(place_of(files), …)              # each row's path in the lake, of which
    with_originals(reading, files)               # makes the one where it was landed from, from which
    with_path_columns(reading, keys, expected)   # takes its values
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.reading.base import FILE, RECORD, REJECT, VEILED, Reading, rejection
from laketrain.clean.reading.landed import RawFile, renamed
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NONE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and all after it write for null."""
_PLAIN = re.compile(r"[A-Za-z0-9_./=-]*")
"""Matches paths that are the same in a URL."""


def by_path_columns(files: Sequence[RawFile], expected: T.StructType | None
                    ) -> Mapping[tuple[str, ...], list[RawFile]]:
    """The files by the columns that their paths name: of the expected ones, or all where none are known yet.

    Raises DataError where not all files' paths name the same ones, and none are known: nobody can say which are meant.
    """
    groups: dict[tuple[str, ...], list[RawFile]] = {}
    for file in files:
        groups.setdefault(path_columns(file.original, expected), []).append(file)
    if expected is None and len(groups) > 1:
        name = next(name for keys in groups for name in keys if not all(name in other for other in groups))
        there, lacking = (next(group[0] for keys, group in groups.items() if (name in keys) is has)
                          for has in (True, False))
        raise DataError("clean", lacking.ref, f"has no {name!r} in its path, which {there.original!r} has",
                        "instead of schema: infer declare the columns that are wanted")
    return groups


def path_columns(path: str, expected: T.StructType | None) -> tuple[str, ...]:
    """The columns that a path names, as they are expected: Spark minds no capitals. A name that is there as it stands
    goes before."""
    keys = _keys(path)
    if expected is None:
        return tuple(dict.fromkeys(keys))
    known = {name.lower(): name for name in expected.names if name not in keys}
    named = {name if name in expected.names else known.get(name.lower()) for name in keys}
    return tuple(name for name in expected.names if name in named)


def _keys(path: str) -> list[str]:
    return [name for folder in path.split("/")[:-1] for name, equals, _ in [folder.partition("=")] if name and equals]


def place_of(files: Sequence[RawFile]) -> Column:
    """The path of a row's file below its version's directory. To be selected right where the `files` are read."""
    # Not `_metadata`, for which Spark copies each row of a format that it reads by rows.
    url = F.input_file_name()
    if any("/" in file.file.path for file in files):
        data = files[0].version.path().rpartition("/")[0]
        below = F.substring_index(url, f"/{data}/", -1)
        path = F.substring(below, F.locate("/", below) + 1, F.length(below))
    else:
        path = F.substring_index(url, "/", -1)
    return path if all(_PLAIN.fullmatch(file.file.path) for file in files) else _decoded(path)


def with_originals(reading: Reading, files: Sequence[RawFile]) -> Reading:
    """The reading with each row's file by its name where it was landed from: the lake's may have escapes in it, and it
    is the source's that tell values, and that people look for."""
    names = renamed(files)
    if not names:
        return reading
    told = reading.frame.sparkSession.createDataFrame(list(names.items()), "_place string, _key string")
    frame = reading.frame.join(F.broadcast(told), F.col(FILE) == F.col("_place"), "left")
    return replace(reading, frame=frame.withColumn(FILE, F.coalesce("_key", FILE)).drop("_place", "_key"))


def without(expected: T.StructType | None, keys: Sequence[str]) -> T.StructType | None:
    """The columns that are to be read from the files themselves."""
    return None if expected is None else T.StructType([field for field in expected if field.name not in keys])


def united(readings: Sequence[Reading]) -> Reading:
    """The rows of groups of files as one reading."""
    first, *others = readings
    for other in others:
        counts = first.rows is None or other.rows is None
        drift = {what: _added(first.drift.get(what, {}), other.drift.get(what, {}))
                 for what in {**first.drift, **other.drift}}
        first = replace(first, frame=first.frame.unionByName(other.frame, allowMissingColumns=True), drift=drift,
                        rows=None if counts else (first.rows or 0) + (other.rows or 0))
    return first


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def with_path_columns(reading: Reading, keys: Sequence[str], expected: T.StructType | None,
                      personal: Collection[str] = ()) -> Reading:
    """The reading with the columns `keys`, text where their type isn't known; a value that isn't of its type rejects
    the row, for a reason that quotes no `personal` one. Where a file has such a column, too, the path's counts, as it
    does in Hive and Spark."""
    fields = list(expected or [*(field for field in reading.pinned if field.name not in keys),
                               *(T.StructField(name, T.StringType()) for name in keys)])
    types = {field.name: field.dataType for field in fields}
    frame = reading.frame
    for name in keys:
        frame = _with_one(frame, name, types[name], quote=name not in personal)
    kept = [name for name in reading.frame.columns if name not in (*types, FILE, RECORD, REJECT)]
    order = [*types, *kept, FILE, RECORD, REJECT]
    return replace(reading, frame=frame.select(*(F.col(quoted(name)) for name in order)), pinned=T.StructType(fields))


def _with_one(frame: DataFrame, name: str, kind: T.DataType, quote: bool) -> DataFrame:
    spelt, alike = (F.regexp_extract(F.col(FILE), f"{how}(?:^|/){re.escape(name)}=([^/]*)/", 1) for how in ("", "(?i)"))
    found = _decoded(F.when(spelt == "", alike).otherwise(spelt))
    text = F.when(~found.isin("", _NONE), found)
    value = text.try_cast(kind)
    why = lossless.flaw(text, value, T.StringType(), kind)
    problem = F.concat(F.lit("has "), text if quote else F.lit(VEILED), F.lit(f" for {name} in its path, "), why)
    wrong = F.when(why.isNotNull(), rejection(F.lit("readable"), problem))
    return frame.withColumn(REJECT, F.coalesce(F.col(REJECT), wrong)).withColumn(name, value)


def _decoded(text: Column) -> Column:
    """`%20` and its like as what they stand for; a plus, which is a space only in forms, stays, and so does a text that
    is not written so."""
    return F.coalesce(F.try_url_decode(F.replace(text, F.lit("+"), F.lit("%2B"))), text)
