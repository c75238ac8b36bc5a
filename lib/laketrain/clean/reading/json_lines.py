"""JSON, a record a line (or `multiLine: true`). Not all records need have a key: one that none has is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, Reading, mangled, marked, shape_of
from laketrain.clean.reading.drift import Judge
from laketrain.clean.reading.encoding import check_encoding, head_of
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.frames import quoted


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of JSON files. What is no JSON object of the columns' types is there as rejected."""
    encoding = _encoding(source.options)

    def check(file: RawFile) -> None:
        check_encoding(file.ref, head_of(file), encoding)

    each(files, check)
    urls = [file.url for file in files]
    options = {**source.options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, **ALL_FILES}
    found = _found(spark, urls, options, expected)
    pinned = found if expected is None else expected
    if not pinned.fields:
        raise DataError("clean", files[0].ref, "has no JSON object to infer columns from", "declare the schema")
    judge = Judge(pinned, source.drift)
    if found.fields:
        known = {field.name: field.dataType for field in pinned}
        judge.see(_place(spark, files, found, pinned, options), {name: known.get(name, found[name].dataType)
                                                                 for name in found.names})
    columns = judge.columns
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    rows = spark.read.schema(schema).options(**options).json(urls)
    rows = rows.select(*(F.col(quoted(name)) for name in schema.names), place_of(files).alias("_place"))
    foreign = mangled(rows, columns.names) | F.coalesce(F.col(CORRUPT).contains("\ufffd"), F.lit(False))
    problem = F.when(foreign, F.lit(f"holds bytes that are no {encoding}")).when(
        F.col(CORRUPT).isNotNull(), F.lit(f"is no {shape_of('json', columns)}"))
    return Reading(marked(rows, columns.names, file=F.col("_place"), came=F.col(CORRUPT), problem=problem), pinned,
                   drift=judge.told)


def _encoding(options: dict[str, Any]) -> str:
    given = {name.lower(): value for name, value in options.items()}
    return str(given.get("encoding", given.get("charset", "utf-8")))


def _found(spark: SparkSession, urls: Sequence[str], options: dict[str, Any], expected: T.StructType | None
           ) -> T.StructType:
    """The columns that the records have; looked for in all of them unless the options give a samplingRatio."""
    asked = options if expected is None else {**options, "primitivesAsString": "true"}
    found = spark.read.options(**asked).json(list(urls)).schema
    return T.StructType([field for field in found if field.name != CORRUPT])


def _place(spark: SparkSession, files: Sequence[RawFile], found: T.StructType, pinned: T.StructType,
           options: dict[str, Any]) -> str:
    """For a message: the first file with a column that isn't expected, else all of the version's."""
    new = [name for name in found.names if name not in pinned.names]
    everywhere = files[0].ref if len(files) == 1 else files[-1].version.ref
    if not new or len(files) == 1:
        return everywhere
    schema = T.StructType([T.StructField(name, T.StringType()) for name in new[:1]])
    rows = spark.read.schema(schema).options(**options).json([file.url for file in files])
    first = rows.where(F.col(quoted(new[0])).isNotNull()).select(F.min("_metadata.file_name")).first()
    name = first[0] if first else None
    return next((file.ref for file in files if name and file.file.path.endswith(name)), everywhere)
