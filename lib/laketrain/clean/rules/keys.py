"""The rule that lets one row a key stay."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import PLACE, reject
from laketrain.config.clean import Unique
from laketrain.spark.frames import quoted


def unique(frame: DataFrame, rule: Unique) -> DataFrame:
    """Of the rows still good with one key, keeps one; which one never depends on how Spark cut the input."""
    columns = [F.col(quoted(column)) for column in rule.key]
    window = Window.partitionBy(*columns, F.col(REJECT).isNull()).orderBy(*_order(rule))
    ranked = frame.withColumn(PLACE, F.row_number().over(window))
    reason = F.concat(F.lit("another row has "), named(rule.key))
    return reject(ranked, f"unique({', '.join(rule.key)})", F.col(PLACE) > 1, reason).drop(PLACE)


def named(key: list[str]) -> Column:
    """A row by its key, in words: `id = 7`."""
    values = [F.coalesce(F.col(quoted(column)).cast("string"), F.lit("null")) for column in key]
    return F.concat(F.lit(f"{', '.join(key)} = "), F.concat_ws(", ", *values))


def _order(rule: Unique) -> list[Column]:
    """The rows of a key, that which stays first."""
    place = [F.col(FILE), F.col(RECORD)]
    if rule.keep == "last":
        place = [column.desc() for column in place]
    if rule.by is None:
        return place
    value = F.col(quoted(rule.by))
    return [value.asc_nulls_last() if rule.keep == "first" else value.desc_nulls_last(), *place]
