"""Messages of Kafka, a row each, as ingest landed them: their values are parsed here, so that a schema can be changed
and applied again to what came.

A row's file is its topic's partition, as Kafka names it (`events-0`), and what is refused is named by its offset.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, Reading, marked, stray
from laketrain.clean.reading.json.parse_value import add_parsed_columns, parse_value, record_problem
from laketrain.clean.reading.landed import RawFile, each
from laketrain.config.sources import KafkaSource
from laketrain.spark.frames import quoted

_LANDED = ("key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp, "
           "headers array<struct<key:string,value:binary>>")
_PARSED, _TEXT, _VALUE = "_parsed", "_text", "_whole"


def read(spark: SparkSession, files: Sequence[RawFile], source: KafkaSource, expected: T.StructType | None) -> Reading:
    """The rows of landed messages. One whose value is not what the source says is there as rejected."""
    assert expected is not None
    each(list({file.version.number: file for file in files}.values()), lambda file: file.version.check_files())
    own = [field for field in expected if field.name not in source.keep]
    rows = spark.read.schema(_LANDED).options(**ALL_FILES).parquet(*(file.url for file in files))
    rows = rows.withColumn(_TEXT, F.col("value").cast("string"))
    rows, problem = _parsed(rows, source, T.StructType(own))
    if "key" in source.keep:
        key = F.col("key").cast("string")
        problem = F.coalesce(problem, _when(~F.is_valid_utf8(key), "has a key that is no UTF-8"))
        rows = rows.withColumn("key", F.make_valid_utf8(key))
    named = F.concat(F.lit("the message at offset "), F.col("offset"), F.lit(" "), problem)
    columns = [*(F.col(_PARSED)[field.name].alias(field.name) for field in own),
               *(F.col(quoted(name)).alias(name) for name in source.keep)]
    place = F.concat_ws("-", "topic", "partition")
    rows = rows.select(*columns, place.alias("_place"), F.make_valid_utf8(_TEXT).alias(CORRUPT), named.alias(_TEXT))
    came = F.when(F.col(_TEXT).isNotNull(), F.col(CORRUPT))
    return Reading(marked(rows, expected.names, file=F.col("_place"), came=came, problem=F.col(_TEXT)), expected,
                   rows=sum(file.file.rows or 0 for file in files))


def _parsed(rows: DataFrame, source: KafkaSource, own: T.StructType) -> tuple[DataFrame, Column]:
    """The rows with their value as the struct `_PARSED` of the columns `own`, and why it can't be read, null for good
    ones."""
    nothing, foreign = _when(F.col("value").isNull(), "has no value"), stray(F.col(_TEXT))
    if source.value == "bytes":
        return rows.withColumn(_PARSED, F.struct("value")), nothing
    if source.value == "text":
        return rows.withColumn(_PARSED, F.struct(F.make_valid_utf8(_TEXT).alias("text"))), F.coalesce(nothing, foreign)
    rows, value = add_parsed_columns(rows, parse_value(F.col(_TEXT), own), _VALUE)
    return rows.withColumn(_PARSED, value.exact), F.coalesce(nothing, foreign, record_problem(value))


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))
