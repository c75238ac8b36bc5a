"""Messages of Kafka, one row each. Values are parsed here, not in ingest, so that a changed schema applies to all.

A row's file is its topic partition, as Kafka names it (`events-0`). Reasons of rejected rows name the offset.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, FILE, Reading, invalid_utf8_message, with_metadata
from laketrain.clean.reading.json.parse_value import add_parsed_columns, parse_value, record_problem
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.sources import KafkaSource
from laketrain.spark.frames import quoted

_INGESTED = ("key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp, "
             "headers array<struct<key:string,value:binary>>")
_PARSED, _TEXT, _VALUE = "_parsed", "_text", "_whole"


def read(spark: SparkSession, files: Sequence[RawFile], source: KafkaSource, expected: T.StructType | None) -> Reading:
    """The rows of ingested messages. Messages whose value can't be parsed are rejected rows."""
    assert expected is not None
    each(list({file.version.number: file for file in files}.values()), lambda file: file.version.check_files())
    fields = [field for field in expected if field.name not in source.keep]
    rows = spark.read.schema(_INGESTED).options(**ALL_FILES).parquet(*(file.url for file in files))
    rows = rows.withColumn(_TEXT, F.col("value").cast("string"))
    rows, problem = _parse_values(rows, source, T.StructType(fields))
    if "key" in source.keep:
        key = F.col("key").cast("string")
        problem = F.coalesce(problem, _when(~F.is_valid_utf8(key), "has a key that isn't UTF-8"))
        rows = rows.withColumn("key", F.make_valid_utf8(key))
    message = F.concat(F.lit("the message at offset "), F.col("offset"), F.lit(" "), problem)
    columns = [*(F.col(_PARSED)[field.name].alias(field.name) for field in fields),
               *(F.col(quoted(name)).alias(name) for name in source.keep)]
    partition = F.concat_ws("-", "topic", "partition")
    rows = rows.select(*columns, partition.alias(FILE), F.make_valid_utf8(_TEXT).alias(CORRUPT), message.alias(_TEXT))
    record = F.when(F.col(_TEXT).isNotNull(), F.col(CORRUPT))
    rows = with_metadata(rows, expected.names, file=F.col(FILE), original=record, problem=F.col(_TEXT))
    return Reading(rows, expected, rows=sum(file.file.rows or 0 for file in files))


def _parse_values(rows: DataFrame, source: KafkaSource, columns: T.StructType) -> tuple[DataFrame, Column]:
    """The rows with the parsed value as the struct `_PARSED` of `columns`, and why it can't be parsed or null."""
    no_value, not_utf8 = _when(F.col("value").isNull(), "has no value"), invalid_utf8_message(F.col(_TEXT))
    if source.value == "bytes":
        return rows.withColumn(_PARSED, F.struct("value")), no_value
    if source.value == "text":
        text = F.struct(F.make_valid_utf8(_TEXT).alias("text"))
        return rows.withColumn(_PARSED, text), F.coalesce(no_value, not_utf8)
    rows, value = add_parsed_columns(rows, parse_value(F.col(_TEXT), columns), _VALUE)
    return rows.withColumn(_PARSED, value.exact), F.coalesce(no_value, not_utf8, record_problem(value))


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))
