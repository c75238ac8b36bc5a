"""Columns that stand in the paths of files, as Hive, Spark, Arrow and DuckDB write them: `day=2026-11-20/0.parquet`.

    keys = path_columns(paths, expected)         # ("day",)
    rows.select(place_of(files), …)              # each row's path in the lake, of which
    with_originals(reading, files)               # makes the one where it was landed from, from which
    with_path_columns(reading, keys, expected)   # takes its values
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.reading.base import FILE, RECORD, REJECT, VEILED, Reading, rejection
from laketrain.clean.reading.landed import RawFile, renamed
from laketrain.spark.frames import quoted

_NONE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and all after it write for null."""
_PLAIN = re.compile(r"[A-Za-z0-9_./=-]*")
"""Matches paths that are the same in a URL."""


def path_columns(paths: Sequence[str], expected: T.StructType | None) -> tuple[str, ...]:
    """The columns that each of the paths names: of the expected ones, or all where none are known yet."""
    named = [set(_keys(path)) for path in paths]
    common = reduce(set.intersection, named) if named else set()
    return tuple(name for name in _keys(paths[0] if paths else "")
                 if name in common and (expected is None or name in expected.names))


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
    found = _decoded(F.regexp_extract(F.col(FILE), f"(?:^|/){re.escape(name)}=([^/]*)/", 1))
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
