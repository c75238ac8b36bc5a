"""A raw version as a DataFrame in which every row knows its file, its record as it came, and whether it was readable.

    frame = read_raw(spark, raw, source)        # declared columns, then FILE, RECORD, REJECT
"""

from __future__ import annotations

from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import AnalysisException, ParseException, PySparkTypeError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_type

from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.spark.frames import quoted

FILE, RECORD, REJECT = "_file", "_record", "_reject"
_CORRUPT = "_corrupt"
_REJECTION = "struct<rule:string,reason:string>"


def rejection(rule: Column, reason: Column) -> Column:
    """The mark of a rejected row."""
    return F.struct(rule.alias("rule"), reason.alias("reason"))


def read_raw(spark: SparkSession, raw: Version, source: Source) -> DataFrame:
    """The rows of `raw` in the declared types. A record that can't be read at all is there too, marked as rejected.

    Raises DataError where a file isn't of the declared format or schema.
    """
    declared = _declared_schema(raw, source)
    if source.format == "parquet":
        frame = _read_parquet(spark, raw, declared)
        corrupt: Column = F.lit(None).cast("string")
    else:
        frame = _read_text(spark, raw, source, declared)
        corrupt = F.col(_CORRUPT)
    columns = [F.col(quoted(name)) for name in declared.fieldNames()]
    unreadable = rejection(F.lit("readable"), F.lit(f"is no {source.format} record of {len(columns)} fields"))
    return frame.select(
        *columns,
        F.col("_metadata.file_name").alias(FILE),
        F.coalesce(corrupt, F.to_json(F.struct(*columns))).alias(RECORD),
        F.when(corrupt.isNotNull(), unreadable).otherwise(F.lit(None).cast(_REJECTION)).alias(REJECT),
    )


def _read_text(spark: SparkSession, raw: Version, source: Source, declared: T.StructType) -> DataFrame:
    options = {**source.options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    if source.format == "csv":
        # Else Spark takes columns by place and never looks at the header's names.
        options["enforceSchema"] = "false"
    schema = T.StructType([*declared.fields, T.StructField(_CORRUPT, T.StringType())])
    return spark.read.format(source.format).schema(schema).options(**options).load(_urls(raw))


def _read_parquet(spark: SparkSession, raw: Version, declared: T.StructType) -> DataFrame:
    store = raw.lake.store
    for file in raw.entry.files:
        try:
            with store.open(raw.path(file.path)) as handle:
                found = pq.read_schema(handle)
        except Exception as error:
            raise DataError("clean", f"{raw.ref}/{file.path}", f"is no readable Parquet file: {error}",
                            "land a whole file, then ingest again") from error
        for field in declared.fields:
            problem = _drift(field, found)
            if problem:
                raise DataError("clean", f"{raw.ref}/{file.path}", problem, "mend the source's schema, or the file")
    return spark.read.schema(declared).parquet(*_urls(raw))


def _drift(field: T.StructField, found: pa.Schema) -> str:
    """How a file's schema differs from the declared `field`; empty where it doesn't."""
    if field.name not in found.names:
        return f"has no column {field.name!r}, but {', '.join(found.names)}"
    arrow = found.field(field.name).type
    received = _spark_type(arrow)
    said = str(arrow) if received is None else received.simpleString()
    # Written by pandas, times have no zone; the session's is UTC, so both are the same instant.
    times = (T.TimestampType(), T.TimestampNTZType())
    if received == field.dataType or (received in times and field.dataType in times):
        return ""
    return f"column {field.name!r} is {said}, expected {field.dataType.simpleString()}"


def _spark_type(kind: pa.DataType) -> T.DataType | None:
    """As Spark reads it from Parquet; None where it doesn't."""
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


def _declared_schema(raw: Version, source: Source) -> T.StructType:
    text = ", ".join(f"{quoted(name)} {kind}" for name, kind in source.columns.items())
    try:
        return cast(T.StructType, T.StructType.fromDDL(text))
    except (ParseException, AnalysisException) as error:
        raise DataError("clean", f"schema of source {raw.name!r}", str(error).splitlines()[0],
                        "use Spark SQL types such as string, int, double, timestamp, array<int>") from error


def _urls(raw: Version) -> list[str]:
    return [raw.url(file.path) for file in raw.entry.files]
