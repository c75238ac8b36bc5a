"""Partition columns in the paths of files, as Hive, Spark, Arrow and DuckDB write them: `day=2026-11-20/0.parquet`.

    groups = by_path_columns(files, expected)     # {("day",): files}
    rows.select(file_path(files), …)              # each row's path in the lake
    with_original_paths(reading, files)           # replaces it with the path at the source
    with_path_columns(reading, keys, expected)    # adds columns from that path
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.reading.base import FILE, MASKED, RECORD, REJECT, Reading, rejection
from laketrain.clean.reading.raw_files import RawFile, original_paths
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NULL = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name for null, which the others use too."""
_UNESCAPED = re.compile(r"[A-Za-z0-9_./=-]*")
"""Matches paths that need no escapes in a URL."""


def by_path_columns(files: Sequence[RawFile], expected: T.StructType | None
                    ) -> Mapping[tuple[str, ...], list[RawFile]]:
    """Groups files by the columns in their paths: only expected columns, or all if the schema is to be inferred.

    Raises DataError if the schema is to be inferred and the files' paths have different columns.
    """
    groups: dict[tuple[str, ...], list[RawFile]] = {}
    for file in files:
        groups.setdefault(path_columns(file.original, expected), []).append(file)
    if expected is None and len(groups) > 1:
        name = next(name for keys in groups for name in keys if not all(name in other for other in groups))
        having, lacking = (next(group[0] for keys, group in groups.items() if (name in keys) is has)
                           for has in (True, False))
        raise DataError("clean", lacking.ref, f"has no {name!r} in its path, but {having.original!r} has",
                        "declare the columns that you need instead of schema: infer")
    return groups


def path_columns(path: str, expected: T.StructType | None) -> tuple[str, ...]:
    """The columns in a path, as the expected ones are spelt. Exact names win over those with other capitals."""
    keys = _keys(path)
    if expected is None:
        return tuple(dict.fromkeys(keys))
    by_lower = {name.lower(): name for name in expected.names if name not in keys}
    names = {name if name in expected.names else by_lower.get(name.lower()) for name in keys}
    return tuple(name for name in expected.names if name in names)


def _keys(path: str) -> list[str]:
    return [name for folder in path.split("/")[:-1] for name, equals, _ in [folder.partition("=")] if name and equals]


def file_path(files: Sequence[RawFile]) -> Column:
    """The path of a row's file below its version's directory. Select it directly from the frame that reads `files`."""
    # Not `_metadata`: for it, Spark copies each row of row-based formats.
    url = F.input_file_name()
    if any("/" in file.file.path for file in files):
        data = files[0].version.path().rpartition("/")[0]
        below = F.substring_index(url, f"/{data}/", -1)
        path = F.substring(below, F.locate("/", below) + 1, F.length(below))
    else:
        path = F.substring_index(url, "/", -1)
    return path if all(_UNESCAPED.fullmatch(file.file.path) for file in files) else _decoded(path)


def with_original_paths(reading: Reading, files: Sequence[RawFile]) -> Reading:
    """The reading with the files' paths at the source: names in the lake may contain escapes."""
    paths = original_paths(files)
    if not paths:
        return reading
    table = reading.frame.sparkSession.createDataFrame(list(paths.items()), "_place string, _key string")
    frame = reading.frame.join(F.broadcast(table), F.col(FILE) == F.col("_place"), "left")
    return replace(reading, frame=frame.withColumn(FILE, F.coalesce("_key", FILE)).drop("_place", "_key"))


def without_columns(expected: T.StructType | None, keys: Sequence[str]) -> T.StructType | None:
    """The expected columns that aren't in the paths."""
    return None if expected is None else T.StructType([field for field in expected if field.name not in keys])


def union(readings: Sequence[Reading]) -> Reading:
    """Combines the readings of groups of files."""
    first, *others = readings
    for other in others:
        counts = first.rows is None or other.rows is None
        drift = {kind: _sum(first.drift.get(kind, {}), other.drift.get(kind, {}))
                 for kind in {**first.drift, **other.drift}}
        first = replace(first, frame=first.frame.unionByName(other.frame, allowMissingColumns=True), drift=drift,
                        rows=None if counts else (first.rows or 0) + (other.rows or 0))
    return first


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def with_path_columns(reading: Reading, keys: Sequence[str], expected: T.StructType | None,
                      personal: Collection[str] = ()) -> Reading:
    """Adds the columns `keys` from the paths, as text if their type is unknown.

    A value of another type rejects the row; the reason doesn't quote `personal` columns. If the file has the column as
    well, the path's value wins, as in Hive and Spark.
    """
    fields = list(expected or [*(field for field in reading.pinned if field.name not in keys),
                               *(T.StructField(name, T.StringType()) for name in keys)])
    types = {field.name: field.dataType for field in fields}
    frame = reading.frame
    for name in keys:
        frame = _with_path_column(frame, name, types[name], quote=name not in personal)
    others = [name for name in reading.frame.columns if name not in (*types, FILE, RECORD, REJECT)]
    order = [*types, *others, FILE, RECORD, REJECT]
    return replace(reading, frame=frame.select(*(F.col(quoted(name)) for name in order)), pinned=T.StructType(fields))


def _with_path_column(frame: DataFrame, name: str, kind: T.DataType, quote: bool) -> DataFrame:
    exact, any_case = (F.regexp_extract(F.col(FILE), f"{flags}(?:^|/){re.escape(name)}=([^/]*)/", 1)
                       for flags in ("", "(?i)"))
    decoded = _decoded(F.when(exact == "", any_case).otherwise(exact))
    text = F.when(~decoded.isin("", _NULL), decoded)
    value = text.try_cast(kind)
    why = lossless.cast_problem(text, value, T.StringType(), kind)
    problem = F.concat(F.lit("has "), text if quote else F.lit(MASKED), F.lit(f" for {name} in its path, "), why)
    wrong = F.when(why.isNotNull(), rejection(F.lit("readable"), problem))
    return frame.withColumn(REJECT, F.coalesce(F.col(REJECT), wrong)).withColumn(name, value)


def _decoded(text: Column) -> Column:
    """The text with percent escapes decoded; unchanged if they are invalid. A plus stays, as it is a space only in
    HTML forms."""
    return F.coalesce(F.try_url_decode(F.replace(text, F.lit("+"), F.lit("%2B"))), text)
