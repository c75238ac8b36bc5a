"""Reads any other format that the session supports, e.g. `avro`.

Spark applies one file's schema to all files, and silently ignores other columns. So each file's schema is read, and
files with the same schema are read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial, reduce

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.avro import ignored_types, inspect_avro_files
from laketrain.clean.reading.base import ALL_FILES, FILE, Reading, table_column, with_metadata
from laketrain.clean.reading.drift import DriftTracker, nullable, type_name
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.clean.reading.widening import can_widen
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.spark.errors import first_sentence
from laketrain.spark.frames import quoted

_MISSING_READER = ("DATA_SOURCE_NOT_FOUND", "ClassNotFoundException", "NoClassDefFoundError",
                   "external data source module")
_ONE_SCHEMA = ("binaryFile", "libsvm")
"""Formats whose files have the same columns, so they aren't inspected one by one."""


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The rows as Spark's reader of that format returns them. Spark's error names a damaged file."""
    rows, ignored, by_schema = None, dict[str, str](), dict[str, list[RawFile]]()
    if source.format == "avro":
        _check_reader(spark, files, source)
        results = inspect_avro_files(spark, files)
        rows = sum(result.rows for result in results)
        for file, result in zip(files, results, strict=True):
            by_schema.setdefault(result.schema, []).append(file)
        ignored = {name: kind for schema in by_schema for name, kind in ignored_types(schema).items()}
    groups = list(by_schema.values()) or (
        [list(files)] if source.format in _ONE_SCHEMA else [[file] for file in files])
    schemas = each([group[0] for group in groups], partial(_schema, spark, source))
    pinned = _inferred(files[0], schemas[0], ignored) if expected is None else expected
    drift = DriftTracker(pinned, source.drift)
    for group, schema in zip(groups, schemas, strict=True):
        for file in group:
            drift.add_file(file.ref, _file_columns(schema, pinned))
    _refuse_new(files[-1], drift.columns, pinned, ignored)
    parts = [_part(spark, source, group, schema, drift.columns) for group, schema in _merge(groups, schemas)]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, rows, drift.counts)


# ---- Schemas


def _check_reader(spark: SparkSession, files: Sequence[RawFile], source: FileSource) -> None:
    """Raises DataError if the session lacks the reader."""
    try:
        spark.read.format(source.format).load(files[0].url)
    except (PySparkException, Py4JError) as error:
        if _is_missing_reader(error):
            raise _error(files, source, error) from error


def _schema(spark: SparkSession, source: FileSource, file: RawFile) -> T.StructType:
    return _load(spark, [file], source).schema


def _file_columns(schema: T.StructType, pinned: T.StructType) -> Mapping[str, T.DataType]:
    """The file's columns, in the expected type if that can hold all values of theirs."""
    expected = {field.name: field.dataType for field in pinned}
    return {field.name: expected[field.name]
            if field.name in expected and can_widen(field.dataType, expected[field.name])
            else field.dataType for field in schema}


def _inferred(file: RawFile, schema: T.StructType, ignored: Mapping[str, str]) -> T.StructType:
    """The first file's columns."""
    for field in schema:
        if field.name in ignored:
            kind = type_name(field.dataType)
            raise DataError("clean", file.ref, f"column {field.name!r} has {ignored[field.name]}, which Spark reads as "
                            f"a bare {kind}, but the schema should be inferred",
                            f"declare the columns that you need instead of schema: infer; this one {kind}, to read the "
                            "stored values")
    return schema


def _refuse_new(file: RawFile, columns: T.StructType, pinned: T.StructType, ignored: Mapping[str, str]) -> None:
    for field in columns:
        if field.name in ignored and field.name not in pinned.names:
            kind = type_name(field.dataType)
            raise DataError("clean", file.version.ref, f"the new column {field.name!r} has {ignored[field.name]}, "
                            f"which Spark reads as a bare {kind}",
                            f"let drift.new be ignore, or declare it {kind}, to read the stored values")


def _merge(groups: Sequence[Sequence[RawFile]], schemas: Sequence[T.StructType]
           ) -> list[tuple[list[RawFile], T.StructType]]:
    """Groups the files by schema."""
    by_schema: dict[str, tuple[list[RawFile], T.StructType]] = {}
    for group, schema in zip(groups, schemas, strict=True):
        key = str([(field.name, nullable(field.dataType)) for field in schema])
        by_schema.setdefault(key, ([], schema))[0].extend(group)
    return list(by_schema.values())


# ---- Rows


def _part(spark: SparkSession, source: FileSource, files: Sequence[RawFile], schema: T.StructType, columns: T.StructType
          ) -> DataFrame:
    """The rows of files of one schema."""
    rows = _load(spark, files, source)
    kinds = {field.name: field.dataType for field in schema}
    selected = [table_column(field, kinds.get(field.name)) for field in columns]
    try:
        rows = rows.select(*selected, file_path(files).alias(FILE))
    except AnalysisException:
        # Readers that aren't part of Spark may not know which file a row is from.
        rows = rows.select(*selected, F.lit(files[0].file.path if len(files) == 1 else "").alias(FILE))
    if source.format == "binaryFile" and "path" in columns.names:
        rows = rows.withColumn("path", F.col(FILE))
    problem = _infinite(columns) if source.format == "libsvm" else None
    return with_metadata(rows, columns.names, file=F.col(FILE), problem=problem)


def _infinite(columns: T.StructType) -> Column:
    """The message that names a column with an infinite number, which Spark returns for too large ones; null if none."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.ml.linalg import VectorUDT

    problems = []
    for field in columns:
        if isinstance(field.dataType, (VectorUDT, T.DoubleType)):
            column = F.col(quoted(field.name))
            values = vector_to_array(column) if isinstance(field.dataType, VectorUDT) else F.array(column)
            infinite = F.exists(values, lambda value: F.abs(value) == float("inf"))
            problems.append(F.when(infinite, F.lit(f"has a number beyond double in {field.name!r}")))
    return F.coalesce(*problems, F.lit(None).cast("string"))


def _load(spark: SparkSession, files: Sequence[RawFile], source: FileSource) -> DataFrame:
    reader = spark.read.format(source.format).options(**{**source.options, **ALL_FILES})
    try:
        return reader.load([file.url for file in files])
    except (PySparkException, Py4JError) as error:
        raise _error(files, source, error) from error


def _is_missing_reader(error: Exception) -> bool:
    return any(word in str(error) for word in _MISSING_READER)


def _error(files: Sequence[RawFile], source: FileSource, error: Exception) -> DataError:
    if _is_missing_reader(error):
        subject = f"format {source.format!r} of {files[0].version.ref}"
        return DataError("clean", subject, "Spark has no such reader here",
                         "give Spark the reader's package, e.g. by spark.conf: {spark.jars.packages: …}")
    others = "; options.avroSchema can be a schema of only the columns that you need" if source.format == "avro" else ""
    return DataError("clean", files[0].ref, f"can't be read as {source.format}: {first_sentence(str(error))}",
                     f"mend the file, or the source's options{others}")
