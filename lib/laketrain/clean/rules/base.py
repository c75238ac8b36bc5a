"""What the rules share: how to reject a row, what counts as missing, and how to quote a value."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.clean.reading import REJECT, rejection
from laketrain.spark.frames import quoted

TEMPORARY = "_place"
"""A column that a rule adds and drops. Its name is reserved, so that no source has it."""


def reject(frame: DataFrame, rule: str, broken: Column, reason: Column) -> DataFrame:
    """Rejects the good rows for which `broken` is true, not null."""
    newly = F.col(REJECT).isNull() & F.coalesce(broken, F.lit(False))
    return frame.withColumn(REJECT, F.when(newly, rejection(F.lit(rule), reason)).otherwise(F.col(REJECT)))


def good(frame: DataFrame) -> DataFrame:
    """The rows that no rule has rejected yet."""
    return frame.where(F.col(REJECT).isNull())


def type_of(frame: DataFrame, column: str) -> str:
    """The column's type as Spark names it, e.g. array<int>."""
    return dict(frame.dtypes)[column]


def present(frame: DataFrame, column: str) -> Column:
    """The column, with null instead of missing values: blank texts and NaN."""
    value, kind = F.col(quoted(column)), type_of(frame, column)
    if kind == "string":
        return F.when(F.trim(value) != "", value)
    return F.nanvl(value, F.lit(None).cast(kind)) if kind in ("float", "double") else value


def quote(column: Column) -> Column:
    """A value as reasons quote it: the first 60 characters, or `null`."""
    return F.coalesce(F.substring(column.cast("string"), 1, 60), F.lit("null"))


def received(column: Column, expected: str | Column) -> Column:
    """`received 10, expected 0 to 9`."""
    expected = F.lit(expected) if isinstance(expected, str) else expected
    return F.concat(F.lit("received "), quote(column), F.lit(", "), expected)
