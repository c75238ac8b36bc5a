"""Any other format that the session can read, e.g. `avro`: each file's own schema is held against the expected one.

Spark takes one file's schema for all, and is silent about what others have beside it. So each file is asked, and those
of one schema are read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial, reduce

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.avro_files import avro_files, without_unit
from laketrain.clean.reading.base import ALL_FILES, Reading, marked, taken
from laketrain.clean.reading.drift import Judge, nullable, said
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.clean.reading.widening import widened
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.errors import first_sentence
from laketrain.spark.frames import quoted

_ABSENT = ("DATA_SOURCE_NOT_FOUND", "ClassNotFoundException", "NoClassDefFoundError", "external data source module")
_ONE_SCHEMA = ("binaryFile", "libsvm")
"""Formats of which all files have the same columns, and that it takes long to ask one by one."""
_PLACE = "_laketrain_place"


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows as Spark's reader of that format gives them; a damaged file fails, named by Spark."""
    rows, odd, alike = None, dict[str, str](), dict[str, list[RawFile]]()
    if source.format == "avro":
        _asked(spark, files, source)
        told = avro_files(spark, files)
        rows = sum(found.rows for found in told)
        for file, found in zip(files, told, strict=True):
            alike.setdefault(found.schema, []).append(file)
        odd = {name: unit for schema in alike for name, unit in without_unit(schema).items()}
    groups = list(alike.values()) or (
        [list(files)] if source.format in _ONE_SCHEMA else [[file] for file in files])
    schemas = each([group[0] for group in groups], partial(_schema, spark, source))
    pinned = _inferred(files[0], schemas[0], odd) if expected is None else expected
    judge = Judge(pinned, source.drift)
    for group, schema in zip(groups, schemas, strict=True):
        for file in group:
            judge.see(file.ref, _found(schema, pinned))
    _refuse_kept(files[-1], judge.columns, pinned, odd)
    parts = [_part(spark, source, group, schema, judge.columns) for group, schema in _merged(groups, schemas)]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, rows, judge.told)


# ---- What files are like


def _asked(spark: SparkSession, files: Sequence[RawFile], source: Source) -> None:
    """Raises DataError where the session has no such reader: no file is to blame for that."""
    try:
        spark.read.format(source.format).load(files[0].url)
    except (PySparkException, Py4JError) as error:
        if _is_absent(error):
            raise _why(files, source, error) from error


def _schema(spark: SparkSession, source: Source, file: RawFile) -> T.StructType:
    return _load(spark, [file], source).schema


def _found(schema: T.StructType, pinned: T.StructType) -> Mapping[str, T.DataType]:
    """The file's columns, in the expected type where that holds all that theirs does."""
    known = {field.name: field.dataType for field in pinned}
    return {field.name: known[field.name] if field.name in known and widened(field.dataType, known[field.name])
            else field.dataType for field in schema}


def _inferred(file: RawFile, schema: T.StructType, odd: Mapping[str, str]) -> T.StructType:
    """The first file's columns."""
    for field in schema:
        if field.name in odd:
            raise DataError("clean", file.ref, f"column {field.name!r} has {odd[field.name]}, of which Spark reads the "
                            f"{said(field.dataType)} alone, and the schema is to be inferred",
                            "instead of schema: infer declare the columns that are wanted; this one "
                            f"{said(field.dataType)}, to take what is stored")
    return schema


def _refuse_kept(file: RawFile, columns: T.StructType, pinned: T.StructType, odd: Mapping[str, str]) -> None:
    for field in columns:
        if field.name in odd and field.name not in pinned.names:
            raise DataError("clean", file.version.ref, f"the new column {field.name!r} has {odd[field.name]}, of which "
                            f"Spark reads the {said(field.dataType)} alone",
                            f"let drift.new be ignore, or declare it {said(field.dataType)}, to take what is stored")


def _merged(groups: Sequence[Sequence[RawFile]], schemas: Sequence[T.StructType]
            ) -> list[tuple[list[RawFile], T.StructType]]:
    """The files of one schema, and that."""
    found: dict[str, tuple[list[RawFile], T.StructType]] = {}
    for group, schema in zip(groups, schemas, strict=True):
        key = str([(field.name, nullable(field.dataType)) for field in schema])
        found.setdefault(key, ([], schema))[0].extend(group)
    return list(found.values())


# ---- Rows


def _part(spark: SparkSession, source: Source, files: Sequence[RawFile], schema: T.StructType, columns: T.StructType
          ) -> DataFrame:
    """The rows of files of one schema."""
    rows = _load(spark, files, source)
    kinds = {field.name: field.dataType for field in schema}
    wanted = [taken(field, kinds.get(field.name)) for field in columns]
    try:
        rows = rows.select(*wanted, place_of(files).alias(_PLACE))
    except AnalysisException:
        # A reader that isn't one of Spark's own needn't know which file a row is from.
        rows = rows.select(*wanted, F.lit(files[0].file.path if len(files) == 1 else "").alias(_PLACE))
    if source.format == "binaryFile" and "path" in columns.names:
        rows = rows.withColumn("path", F.col(_PLACE))
    problem = _beyond(columns) if source.format == "libsvm" else None
    return marked(rows, columns.names, file=F.col(_PLACE), problem=problem)


def _beyond(columns: T.StructType) -> Column:
    """Which column has an infinite number, as Spark makes of one that is too large; null where none."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.ml.linalg import VectorUDT

    whys = []
    for field in columns:
        if isinstance(field.dataType, (VectorUDT, T.DoubleType)):
            column = F.col(quoted(field.name))
            values = vector_to_array(column) if isinstance(field.dataType, VectorUDT) else F.array(column)
            infinite = F.exists(values, lambda value: F.abs(value) == float("inf"))
            whys.append(F.when(infinite, F.lit(f"has a number beyond double in {field.name!r}")))
    return F.coalesce(*whys, F.lit(None).cast("string"))


def _load(spark: SparkSession, files: Sequence[RawFile], source: Source) -> DataFrame:
    reader = spark.read.format(source.format).options(**{**source.options, **ALL_FILES})
    try:
        return reader.load([file.url for file in files])
    except (PySparkException, Py4JError) as error:
        raise _why(files, source, error) from error


def _is_absent(error: Exception) -> bool:
    return any(word in str(error) for word in _ABSENT)


def _why(files: Sequence[RawFile], source: Source, error: Exception) -> DataError:
    if _is_absent(error):
        subject = f"format {source.format!r} of {files[0].version.ref}"
        return DataError("clean", subject, "Spark has no such reader here",
                         "give Spark the reader's package, e.g. by spark.conf: {spark.jars.packages: …}")
    others = "; options.avroSchema can be a schema of the wanted columns alone" if source.format == "avro" else ""
    return DataError("clean", files[0].ref, f"can't be read as {source.format}: {first_sentence(str(error))}",
                     f"mend the file, or the source's options{others}")
