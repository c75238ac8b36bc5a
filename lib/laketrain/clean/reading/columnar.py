"""Parquet and ORC: each file says itself which columns and how many rows it has, so each is asked before Spark reads.

A truncated file is found here, since the footer stands at the end; damage within is found and named by Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from pyspark.errors import PySparkTypeError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_type

from laketrain.clean.reading.base import ALL_FILES, Reading, marked
from laketrain.clean.reading.drift import Found, Judge, said, same
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NAMES = {"parquet": "Parquet", "orc": "ORC"}


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of Parquet or ORC files, in the types of the expected columns or, without those, of the first file's."""
    footers = each(files, partial(_footer, source.format))
    pinned = _inferred(files[0], footers[0][0]) if expected is None else expected
    judge = Judge(pinned, source.drift)
    for file, (found, _) in zip(files, footers, strict=True):
        judge.see(file.ref, found)
    columns = judge.columns
    # Spark reads files of one schema at a time; where nothing drifted that is all of them.
    alike: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for index, (found, _) in enumerate(footers):
        key = tuple((name, said(_read_as(columns[name], found[name]))) for name in columns.names if name in found)
        alike.setdefault(key, []).append(index)
    parts = [_part(spark, source, [files[index] for index in indices], columns, footers[indices[0]][0])
             for indices in alike.values()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, sum(rows for _, rows in footers), judge.told)


def _part(spark: SparkSession, source: Source, files: Sequence[RawFile], columns: T.StructType, found: Found
          ) -> DataFrame:
    schema = T.StructType([T.StructField(field.name, _read_as(field, found[field.name]))
                           for field in columns if field.name in found])
    options = {**source.options, **ALL_FILES}
    rows = spark.read.format(source.format).schema(schema).options(**options).load([file.url for file in files])
    wanted = [_as_wanted(field, field.name in found).alias(field.name) for field in columns]
    rows = rows.select(*wanted, place_of(files).alias("_place"))
    return marked(rows, columns.names, file=F.col("_place"))


def _as_wanted(field: T.StructField, there: bool) -> Column:
    return (F.col(quoted(field.name)) if there else F.lit(None)).cast(field.dataType)


def _read_as(field: T.StructField, found: T.DataType | str) -> T.DataType:
    """The type in which Spark is to read a column that a file has as `found`."""
    return field.dataType if same(field.dataType, found) or isinstance(found, str) else found


def _footer(form: str, file: RawFile) -> tuple[Found, int]:
    """A file's columns and its number of rows."""
    try:
        with file.open() as handle:
            opened: Any = pq.ParquetFile(handle) if form == "parquet" else orc.ORCFile(handle)
            schema = opened.schema_arrow if form == "parquet" else opened.schema
            rows = opened.metadata.num_rows if form == "parquet" else opened.nrows
            old = _old_times(opened.schema) if form == "parquet" else set()
    except Exception as error:
        raise DataError("clean", file.ref, f"is no readable {_NAMES[form]} file: {error}",
                        "land a whole file, then ingest again") from error
    return {field.name: T.TimestampType() if field.name in old else _spark_type(field.type) or str(field.type)
            for field in schema}, int(rows)


def _old_times(schema: pq.ParquetSchema) -> set[str]:
    """Columns of INT96, in which Spark, Hive and Impala write times; pyarrow calls them nanoseconds."""
    leaves = (schema.column(index) for index in range(len(schema)))
    return {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}


def _inferred(file: RawFile, found: Found) -> T.StructType:
    fields = []
    for name, kind in found.items():
        if isinstance(kind, str):
            raise DataError("clean", file.ref, f"column {name!r} is {kind}, which Spark doesn't read",
                            "declare the columns that are wanted instead of schema: infer")
        fields.append(T.StructField(name, kind))
    return T.StructType(fields)


def _spark_type(kind: pa.DataType) -> T.DataType | None:
    """As Spark reads it from the file; None where it doesn't."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        element = _spark_type(kind.value_type)
        return T.ArrayType(element) if element else None
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return None
    unsigned = {pa.uint8(): T.ShortType(), pa.uint16(): T.IntegerType(), pa.uint32(): T.LongType()}
    try:
        return unsigned.get(kind) or from_arrow_type(kind, prefer_timestamp_ntz=True)
    except PySparkTypeError:
        return None
