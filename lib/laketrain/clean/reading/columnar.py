"""Parquet and ORC: each file says itself which columns and how many rows it has, so each is asked before Spark reads.

Spark reads what it reads exactly; files with wanted columns of which it doesn't are read through pyarrow (`grouped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, Reading, marked, taken
from laketrain.clean.reading.drift import Judge
from laketrain.clean.reading.footers import Footer, footer
from laketrain.clean.reading.grouped import read_groups
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.orc_zones import as_instants, writers_zone
from laketrain.clean.reading.partitions import place_of
from laketrain.clean.reading.stored import Stored
from laketrain.config.column_names import find_clash, same_form
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record
from laketrain.spark.zone import require_utc

_FINER = r"\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}0*[1-9]"
"""A time in text that has digits below a microsecond."""


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of Parquet or ORC files, in the types of the expected columns or, without those, of the first files'."""
    footers = each(files, partial(footer, source.format))
    pinned = _inferred(files, footers) if expected is None else expected
    judge = Judge(pinned, source.drift)
    for file, found in zip(files, footers, strict=True):
        judge.see(file.ref, found.columns)
        _refuse_twins(file, found, pinned.names)
    columns = judge.columns
    if source.format == "orc" and any(_has_times(found, columns.names) for found in footers):
        require_utc(spark, "clean", files[0].ref)
    # Files of one schema are read at a time; where nothing drifted that is all of them.
    alike: dict[tuple[object, ...], list[int]] = {}
    zoned = [file for file, found in zip(files, footers, strict=True) if found.instants.intersection(columns.names)]
    zones = dict(zip((file.path for file in zoned), each(zoned, partial(writers_zone, spark)), strict=True))
    for index, (file, found) in enumerate(zip(files, footers, strict=True)):
        key = (zones.get(file.path, ""), found.foreign, found.old_times,
               *((name, found.columns.get(name)) for name in columns.names))
        alike.setdefault(key, []).append(index)
    parts = [_part(spark, source, [files[index] for index in indices], columns, [footers[index] for index in indices],
                   str(key[0])) for key, indices in alike.items()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, sum(found.rows for found in footers), judge.told)


def _has_times(found: Footer, wanted: Sequence[str]) -> bool:
    return any(part.said.startswith("timestamp") for name in wanted if name in found.columns
               for part in found.columns[name].within())


def _refuse_twins(file: RawFile, found: Footer, wanted: Sequence[str]) -> None:
    """Raises DataError where a wanted column, or a part of it, has the name of another but for its capitals."""
    forms = {same_form(name) for name in wanted}
    groups = [[name for name in found.names if same_form(name) in forms]]
    groups += [list(part.names) for name in wanted if name in found.columns for part in found.columns[name].within()]
    twins = next((two for names in groups if (two := find_clash(names)) is not None), None)
    if twins is not None:
        raise DataError("clean", file.ref, f"has the columns {twins[0]!r} and {twins[1]!r}, which Spark can't tell "
                        "apart", "write it with other names, or declare the columns that are wanted, without these")


def _part(spark: SparkSession, source: Source, files: Sequence[RawFile], columns: T.StructType,
          footers: Sequence[Footer], zone: str) -> DataFrame:
    """The rows of files whose columns are stored alike. `zone`: see `orc_zones`."""
    found = footers[0].columns
    there = {field.name: (found[field.name], _taken_as(found[field.name], field.dataType)) for field in columns
             if field.name in found and not found[field.name].empty}
    by_pyarrow = any("pyarrow" in stored.readers(kind) for stored, kind in there.values())
    if there and (by_pyarrow or footers[0].foreign):
        wanted = T.StructType([T.StructField(name, kind) for name, (_, kind) in there.items()])
        rows = read_groups(spark, source.format, files, footers, wanted)
        problem, came = F.col("_problem"), F.col(CORRUPT)
    else:
        schema = T.StructType([T.StructField(name, stored.as_spark_reads(kind))
                               for name, (stored, kind) in there.items()])
        options = {**source.options, **ALL_FILES}
        rows = spark.read.format(source.format).schema(schema).options(**options).load([file.url for file in files])
        rows = rows.select("*", place_of(files).alias("_place"))
        texts = [name for name, (stored, kind) in there.items() if "text" in stored.readers(kind)]
        problem, came = _too_fine(texts, list(there))
        rows = rows.select("*", problem.alias("_problem"), came.alias(CORRUPT))
    if zone:
        rows = as_instants(rows, files[0], footers[0].instants.intersection(there), zone)
    kept = [taken(field, there[field.name][1] if field.name in there else None) for field in columns]
    rows = rows.select(*kept, "_place", "_problem", CORRUPT)
    return marked(rows, columns.names, file=F.col("_place"), came=F.col(CORRUPT), problem=F.col("_problem"))


def _taken_as(stored: Stored, wanted: T.DataType) -> T.DataType:
    """The type in which a column is read: the wanted one or, to be cast from it, its own."""
    own = stored.inferred
    return wanted if own is None or stored.fits(wanted) else own


def _too_fine(texts: Sequence[str], names: Sequence[str]) -> tuple[Column, Column]:
    """Why a row is refused some of whose columns hold times as `texts`, and such a row as it came."""
    nothing = F.lit(None).cast("string")
    finer = [F.when(F.col(quoted(name)).cast("string").rlike(_FINER),
                    F.lit(f"has digits below a microsecond in {name!r}")) for name in texts]
    if not finer:
        return nothing, nothing
    problem = F.coalesce(*finer)
    return problem, F.when(problem.isNotNull(), record(list(names)))


def _inferred(files: Sequence[RawFile], footers: Sequence[Footer]) -> T.StructType:
    """The first file's columns; of one without values there, in the type of the first file that has one."""
    fields = []
    for name, first in footers[0].columns.items():
        column = next((found.columns[name] for found in footers if name in found.columns
                       and not any(part.empty for part in found.columns[name].within())), first)
        kind = column.inferred
        if kind is None:
            why = "has no values, so its type is unknown" if column.empty else f"is {column.said}"
            raise DataError("clean", files[0].ref, f"column {name!r} {why}, and the schema is to be inferred",
                            f"instead of schema: infer declare the columns that are wanted; this one: {column.remedy}")
        fields.append(T.StructField(name, kind))
    return T.StructType(fields)
