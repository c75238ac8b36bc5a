"""The estimator's draw of validation rows if no split is declared.

    with_row(frame, features.columns)              # adds the column ROW, a hash of the features' columns
    split = resolve_split(spark, draft, split)     # after the rows are written: by value, or by row if values are few

Identical rows are in the same split, so that validation has no row of training. That needs enough distinct values. If
validation could expect fewer than ten of them (four kinds of inputs, twenty rows), a hash would leave it empty, or give
it all rows of one kind that training never sees. Then rows are drawn one by one: every value with enough rows is
stratified, the others are drawn together. Identical rows are then in both splits, which can't be avoided with so few
distinct inputs.

The same rows are always split in the same way, however Spark partitions the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from laketrain.config.convert import Split
from laketrain.errors import DataError
from laketrain.lake import Draft
from laketrain.lake.contents import list_data_files
from laketrain.spark.frames import quoted, write

ROW, DUPLICATES = "laketrain_row", "laketrain_alike"
"""The columns to draw by and to stratify by."""
EXPECTED = 10
"""How many distinct values the smallest split must expect for a draw by value."""


def with_row(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Adds ROW, a hash of these columns."""
    return frame.withColumn(ROW, F.xxhash64(*(F.col(quoted(column)) for column in columns)).cast("string"))


def resolve_split(spark: SparkSession, draft: Draft, split: Split) -> Split:
    """The split of the rows in `draft`, by value or by row. For a draw by row the rows are written again, numbered.

    Raises DataError if there are fewer rows than splits.
    """
    fractions = split.fractions or {}
    smallest = min(fractions.values())
    if split.by != ROW or len(fractions) < 2:
        return split
    rows = spark.read.parquet(draft.url())
    enough = math.ceil(EXPECTED / smallest)
    if rows.select(ROW).distinct().limit(enough).count() >= enough:
        return split
    if (count := rows.count()) < len(fractions):
        raise DataError("ml", "the DataFrame", f"has {count} rows, expected one at least for each of "
                        f"{', '.join(fractions)}", "give more rows, or validationFraction=0")
    _write_numbered(rows, draft, smallest)
    return split.model_copy(update={"stratify": DUPLICATES})


def _write_numbered(rows: DataFrame, draft: Draft, smallest: float) -> None:
    """Numbers the rows of equal hash, so that each is drawn on its own."""
    store = draft.table.lake.store
    old_files = [file.path for file in list_data_files(store, draft.path())]
    identical = Window.partitionBy(ROW)
    order = F.xxhash64(*(F.col(quoted(column)) for column in rows.columns))
    numbered = rows.withColumns({
        DUPLICATES: F.when(F.count(F.lit(1)).over(identical) * F.lit(smallest) >= 1, F.col(ROW)).otherwise(""),
        ROW: F.concat_ws(":", ROW, F.row_number().over(identical.orderBy(order)))})
    write(numbered, draft.url("rows"))
    for path in old_files:
        store.delete(draft.path(path))
