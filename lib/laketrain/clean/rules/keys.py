"""The rule that keeps one row per key."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import TEMPORARY, reject
from laketrain.config.clean import Unique
from laketrain.spark.frames import quoted


def unique(frame: DataFrame, rule: Unique) -> DataFrame:
    """Keeps one of the good rows with the same key. Which one doesn't depend on Spark's partitions."""
    columns = [F.col(quoted(column)) for column in rule.key]
    window = Window.partitionBy(*columns, F.col(REJECT).isNull()).orderBy(*_order(rule))
    ranked = frame.withColumn(TEMPORARY, F.row_number().over(window))
    reason = F.concat(F.lit("another row has "), describe_key(rule.key))
    return reject(ranked, f"unique({', '.join(rule.key)})", F.col(TEMPORARY) > 1, reason).drop(TEMPORARY)


def describe_key(key: list[str]) -> Column:
    """A row's key for messages: `id = 7`."""
    values = [F.coalesce(F.col(quoted(column)).cast("string"), F.lit("null")) for column in key]
    return F.concat(F.lit(f"{', '.join(key)} = "), F.concat_ws(", ", *values))


def _order(rule: Unique) -> list[Column]:
    """The order of a key's rows; the first one is kept."""
    position = [F.col(FILE), F.col(RECORD)]
    if rule.keep == "last":
        position = [column.desc() for column in position]
    if rule.by is None:
        return position
    value = F.col(quoted(rule.by))
    return [value.asc_nulls_last() if rule.keep == "first" else value.desc_nulls_last(), *position]
