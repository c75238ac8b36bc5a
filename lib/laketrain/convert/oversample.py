"""Repeats rows of rare classes, in the train split only.

    rows, more = oversampled(rows, config.oversample, train=0)

Which rows are repeated depends only on their content, so a rerun makes the same dataset.
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
    """`rows` with the column COPY (0 for an original, 1, 2, … for its copies), and the number of copies of each class.

    Args:
        rows: with the column SPLIT. train: the split that is repeated from.
    """
    name = F.col(quoted(config.column))
    selected = (F.col(SPLIT) == train) & name.isNotNull()
    sizes = {row["class"]: row["rows"] for row in rows.where(selected).groupBy(name.alias("class")).agg(
        F.count(F.lit(1)).alias("rows")).collect()}
    target = math.ceil(config.share * max(sizes.values(), default=0))
    times = {value: max(0.0, target / count - 1) for value, count in sizes.items()}
    copies = F.lit(0)
    for value, more in times.items():
        if more:
            copies = F.when(selected & (name == F.lit(value)), _copies(rows, more)).otherwise(copies)
    repeated = rows.withColumn(COPY, F.explode(F.sequence(F.lit(0), copies)))
    counts = repeated.where(F.col(COPY) > 0).groupBy(name.cast("string").alias("class")).count().orderBy("class")
    return repeated, {row["class"]: row["count"] for row in counts.collect()}


def _copies(rows: DataFrame, more: float) -> Column:
    """Copies of each row: the whole part of `more`, and one more for a share of the rows equal to its fraction."""
    whole = math.floor(more)
    hashed = F.xxhash64(*(F.col(quoted(column)) for column in rows.columns))
    return F.lit(whole) + (F.pmod(hashed, F.lit(_SPAN)) < F.lit(round((more - whole) * _SPAN))).cast("int")
