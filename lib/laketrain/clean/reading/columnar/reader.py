"""Reads Parquet and ORC. Each file's footer is read first, since its columns may differ from those of the others.

Spark reads most files. pyarrow reads those with columns that Spark can't read exactly (see `row_groups`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, FILE_READ, Reading, table_column, with_metadata
from laketrain.clean.reading.columnar.footers import Footer, read_footer
from laketrain.clean.reading.columnar.orc_time_zones import as_instants, writers_zone
from laketrain.clean.reading.columnar.row_groups import EXTRA_COLUMNS, read_groups
from laketrain.clean.reading.columnar.stored_types import StoredType
from laketrain.clean.reading.drift import DriftTracker
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.column_names import find_clash, same_form
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record
from laketrain.spark.zone import require_utc

_TOO_FINE = r"\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}0*[1-9]"
"""Matches a time with digits below a microsecond."""


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The rows of Parquet or ORC files, in the types of the expected columns or, to infer them, of the first files."""
    footers = each(files, partial(read_footer, source.format))
    pinned = _inferred(files, footers) if expected is None else expected
    drift = DriftTracker(pinned, source.drift)
    for file, footer in zip(files, footers, strict=True):
        drift.add_file(file.ref, footer.columns)
        _refuse_twins(file, footer, pinned.names)
    columns = drift.columns
    if source.format == "orc" and any(_has_times(footer, columns.names) for footer in footers):
        require_utc(spark, "clean", files[0].ref)
    groups: dict[tuple[object, ...], list[int]] = {}
    zoned = [file for file, footer in zip(files, footers, strict=True) if footer.instants.intersection(columns.names)]
    zones = dict(zip((file.path for file in zoned), each(zoned, partial(writers_zone, spark)), strict=True))
    for index, (file, footer) in enumerate(zip(files, footers, strict=True)):
        key = (zones.get(file.path, ""), footer.spark_fails, footer.int96,
               *((name, footer.columns.get(name)) for name in columns.names))
        groups.setdefault(key, []).append(index)
    parts = [_part(spark, source, [files[index] for index in indices], columns, [footers[index] for index in indices],
                   str(key[0])) for key, indices in groups.items()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, sum(footer.rows for footer in footers), drift.counts)


def _has_times(footer: Footer, names: Sequence[str]) -> bool:
    return any(part.label.startswith("timestamp") for name in names if name in footer.columns
               for part in footer.columns[name].walk())


def _refuse_twins(file: RawFile, footer: Footer, names: Sequence[str]) -> None:
    """Raises DataError if one of the columns `names`, or a part of one, differs from another only in capitals."""
    forms = {same_form(name) for name in names}
    groups = [[name for name in footer.names if same_form(name) in forms]]
    groups += [list(part.names) for name in names if name in footer.columns for part in footer.columns[name].walk()]
    twins = next((two for group in groups if (two := find_clash(group)) is not None), None)
    if twins is not None:
        raise DataError("clean", file.ref, f"has the columns {twins[0]!r} and {twins[1]!r}, which Spark can't "
                        "distinguish", "write it with other names, or declare the columns that you need, without these")


def _part(spark: SparkSession, source: FileSource, files: Sequence[RawFile], columns: T.StructType,
          footers: Sequence[Footer], zone: str) -> DataFrame:
    """The rows of files whose columns have the same stored types. zone: see `orc_time_zones`."""
    stored = footers[0].columns
    present = {field.name: (stored[field.name], _read_as(stored[field.name], field.dataType)) for field in columns
               if field.name in stored and not stored[field.name].empty}
    by_pyarrow = any("pyarrow" in column.readers(kind) for column, kind in present.values())
    if present and (by_pyarrow or footers[0].spark_fails):
        schema = T.StructType([T.StructField(name, kind) for name, (_, kind) in present.items()])
        rows = read_groups(spark, source.format, files, footers, schema)
    else:
        schema = T.StructType([T.StructField(name, column.as_spark_reads(kind))
                               for name, (column, kind) in present.items()])
        options = {**source.options, **ALL_FILES}
        rows = spark.read.format(source.format).schema(schema).options(**options).load([file.url for file in files])
        rows = rows.select("*", file_path(files).alias(FILE_READ))
        texts = [name for name, (column, kind) in present.items() if "text" in column.readers(kind)]
        problem, original = _too_fine(texts, list(present))
        rows = rows.select("*", problem.alias("_problem"), original.alias(CORRUPT))
    if zone:
        rows = as_instants(rows, files[0], footers[0].instants.intersection(present), zone)
    values = [table_column(field, present[field.name][1] if field.name in present else None) for field in columns]
    rows = rows.select(*values, *EXTRA_COLUMNS)
    return with_metadata(rows, columns.names, file=F.col(FILE_READ), original=F.col(CORRUPT), problem=F.col("_problem"))


def _read_as(column: StoredType, target: T.DataType) -> T.DataType:
    """The type in which a column is read: `target` if the values fit, else its own, which is then cast."""
    inferred = column.inferred
    return target if inferred is None or column.fits(target) else inferred


def _too_fine(texts: Sequence[str], names: Sequence[str]) -> tuple[Column, Column]:
    """Why a row is rejected whose columns `texts` contain times as text, and the rejected row as JSON."""
    nothing = F.lit(None).cast("string")
    problems = [F.when(F.col(quoted(name)).cast("string").rlike(_TOO_FINE),
                       F.lit(f"has digits below a microsecond in {name!r}")) for name in texts]
    if not problems:
        return nothing, nothing
    problem = F.coalesce(*problems)
    return problem, F.when(problem.isNotNull(), record(list(names)))


def _inferred(files: Sequence[RawFile], footers: Sequence[Footer]) -> T.StructType:
    """The first file's columns. A column without values there has the type of the first file with values."""
    fields = []
    for name, first in footers[0].columns.items():
        column = next((footer.columns[name] for footer in footers if name in footer.columns
                       and not any(part.empty for part in footer.columns[name].walk())), first)
        kind = column.inferred
        if kind is None:
            problem = "has no values, so its type is unknown" if column.empty else f"is {column.label}"
            raise DataError("clean", files[0].ref, f"column {name!r} {problem}, but the schema should be inferred",
                            "declare the columns that you need instead of schema: infer; this one: " + column.remedy)
        fields.append(T.StructField(name, kind))
    return T.StructType(fields)
