"""Rows of rare classes more than once, in the train split alone.

    rows, more = oversampled(rows, config.oversample, train=0)

Which rows are repeated is a matter of their content and nothing else, so a rerun makes the same dataset.
"""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.convert import Oversample
from laketrain.spark.frames import SPLIT, quoted

COPY = "_copy"
_SPAN = 2**32


def oversampled(rows: DataFrame, config: Oversample, train: int) -> tuple[DataFrame, dict[str, int]]:
    """`rows` with the column COPY, 0 for what was there and 1, 2, … for what is repeated; and how many rows each class
    has more.

    Args:
        rows: with the column SPLIT. train: the split that is repeated from.
    """
    name = F.col(quoted(config.column))
    mine = (F.col(SPLIT) == train) & name.isNotNull()
    found = {row["class"]: row["rows"] for row in rows.where(mine).groupBy(name.alias("class")).agg(
        F.count(F.lit(1)).alias("rows")).collect()}
    wanted = math.ceil(config.share * max(found.values(), default=0))
    times = {value: max(0.0, wanted / count - 1) for value, count in found.items()}
    copies = F.lit(0)
    for value, more in times.items():
        if more:
            copies = F.when(mine & (name == F.lit(value)), _drawn(rows, more)).otherwise(copies)
    repeated = rows.withColumn(COPY, F.explode(F.sequence(F.lit(0), copies)))
    counted = repeated.where(F.col(COPY) > 0).groupBy(name.cast("string").alias("class")).count().orderBy("class")
    return repeated, {row["class"]: row["count"] for row in counted.collect()}


def _drawn(rows: DataFrame, more: float) -> Column:
    """The whole part of `more`, and one beyond it for that share of the rows which is left."""
    whole = math.floor(more)
    hashed = F.xxhash64(*(F.col(quoted(column)) for column in rows.columns))
    return F.lit(whole) + (F.pmod(hashed, F.lit(_SPAN)) < F.lit(round((more - whole) * _SPAN))).cast("int")
