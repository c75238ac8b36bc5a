"""The estimator's own draw of validation rows, where no split is declared.

    with_row(frame, features.columns)              # with a column ROW, a hash of all that the features are made of
    split = settled_draw(spark, draft, split)      # once the rows are written: by value, or by row where values are few

Rows that are alike in all of it never part: a row that the model has learnt would tell nothing in validation. That
needs values to draw from. Where validation could expect fewer than ten of them (four kinds of inputs, twenty rows), a
hash would give it none, or all of one kind that training never sees. Then rows are drawn one by one: every value with
enough rows gives its share of them, the rest are drawn together. Rows that are alike then are in both, which is no
leak that could be closed: where there are but a few inputs, each is one that training knows.

Either way the same rows are always split in the same way, however Spark has cut the frame.
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

ROW, ALIKE = "laketrain_row", "laketrain_alike"
"""What is drawn, and of what each split gets its share."""
EXPECTED = 10
"""Values that the smallest split must be able to expect to be drawn by value."""


def with_row(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """With ROW: equal where all these columns are."""
    return frame.withColumn(ROW, F.xxhash64(*(F.col(quoted(column)) for column in columns)).cast("string"))


def settled_draw(spark: SparkSession, draft: Draft, split: Split) -> Split:
    """The split by which the rows that were written to `draft` are shared out; written anew where that is by row.

    Raises DataError where there are too few rows for a split of each.
    """
    fractions = split.fractions or {}
    least = min(fractions.values())
    if split.by != ROW or len(fractions) < 2:
        return split
    rows = spark.read.parquet(draft.url())
    enough = math.ceil(EXPECTED / least)
    if rows.select(ROW).distinct().limit(enough).count() >= enough:
        return split
    if (count := rows.count()) < len(fractions):
        raise DataError("ml", "the DataFrame", f"has {count} rows, expected one at least for each of "
                        f"{', '.join(fractions)}", "give more rows, or validationFraction=0")
    _write_numbered(rows, draft, least)
    return split.model_copy(update={"stratify": ALIKE})


def _write_numbered(rows: DataFrame, draft: Draft, least: float) -> None:
    """Rows that are alike are told apart by a number; which one has which is of no matter, or settled by the rest."""
    store = draft.table.lake.store
    before = [file.path for file in list_data_files(store, draft.path())]
    like = Window.partitionBy(ROW)
    order = F.xxhash64(*(F.col(quoted(column)) for column in rows.columns))
    numbered = rows.withColumns({
        ALIKE: F.when(F.count(F.lit(1)).over(like) * F.lit(least) >= 1, F.col(ROW)).otherwise(""),
        ROW: F.concat_ws(":", ROW, F.row_number().over(like.orderBy(order)))})
    write(numbered, draft.url("rows"))
    for path in before:
        store.delete(draft.path(path))
