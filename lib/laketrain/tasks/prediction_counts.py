"""Statistics that a version of predictions records: the number of rows of each class, or the range of numbers.

    count_classes(frame, F.col("class"))       # {"classes": {"cat": 12, "dog": 30}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def count_classes(frame: DataFrame, classes: Column) -> dict[str, Any]:
    """Rows by class."""
    counted = frame.select(classes.alias("class")).groupBy("class").count().collect()
    return {"classes": dict(sorted((str(row["class"]), row["count"]) for row in counted))}


def summarise_numbers(frame: DataFrame, column: str, rows: int) -> dict[str, Any]:
    """Least, mean and most of all numbers of the column, which may hold nested arrays."""
    from pyspark.sql import functions as F

    kind, values = dict(frame.dtypes)[column], F.col(f"`{column}`")
    while kind.startswith("array<") and rows:
        frame, kind = frame.select(F.explode(values).alias(column)), kind[len("array<"):-1]
    if not rows:
        return {"values": {}}
    [row] = frame.select(F.min(values).alias("least"), F.avg(values).alias("mean"),
                         F.max(values).alias("most")).collect()
    return {"values": row.asDict()}
