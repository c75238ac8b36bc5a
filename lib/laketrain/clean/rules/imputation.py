"""The rule that fills missing values, and counts them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import TEMPORARY, good, present, type_of
from laketrain.clean.rules.context import RuleContext
from laketrain.clean.rules.group_stats import finite, grouped, join_stats, means, quantiles, summary
from laketrain.config.clean import Impute
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_WHOLE = ("tinyint", "smallint", "int", "bigint")


def impute(frame: DataFrame, rule: Impute, context: RuleContext) -> DataFrame:
    """Fills missing values by the rule's method, if that has a value for them."""
    frame = context.checkpoint(frame)
    filled = {"constant": _constant, "forward": _forward}.get(rule.method, _fitted)(frame, rule, context)
    before, after = (_count_missing(good(rows), rule) for rows in (frame, filled))
    for column in rule.columns:
        name = f"impute({column})"
        context.imputed[name] = context.imputed.get(name, 0) + before[column] - after[column]
    return filled


def _count_missing(rows: DataFrame, rule: Impute) -> dict[str, int]:
    """The number of missing values of each column."""
    counted = [F.count_if(present(rows, column).isNull()).alias(f"n{index}")
               for index, column in enumerate(rule.columns)]
    [row] = rows.agg(*counted).collect()
    return dict(zip(rule.columns, row, strict=True))


def _fill(frame: DataFrame, values: dict[str, Column]) -> DataFrame:
    """Replaces missing values with `values`. If these are null, the original stays, e.g. a blank text."""
    filled = {column: F.coalesce(present(frame, column), value.cast(type_of(frame, column)), F.col(quoted(column)))
              for column, value in values.items()}
    return frame.withColumns(filled)


def _constant(frame: DataFrame, rule: Impute, context: RuleContext) -> DataFrame:
    values = {column: F.lit(rule.value).try_cast(type_of(frame, column)) for column in rule.columns}
    [row] = frame.sparkSession.range(1).select(*values.values()).collect()
    for column, value in zip(rule.columns, row, strict=True):
        if value is None:
            raise DataError("clean", f"impute({column})", f"received the value {rule.value!r}, expected "
                            f"{type_of(frame, column)}", "give a value of the column's type")
    return _fill(frame, values)


def _fitted(frame: DataFrame, rule: Impute, context: RuleContext) -> DataFrame:
    rows = good(frame)
    if rule.method == "mean":
        stats = means(rows, rule.by, rule.columns, "value")
    elif rule.method == "median":
        stats = quantiles(rows, rule.by, [finite(column) for column in rule.columns], {"value": 0.5})
    else:
        # Deterministic: the smallest of several most frequent values.
        stats = grouped(rows, rule.by, [F.mode(present(rows, column), deterministic=True).alias(f"value{index}")
                                        for index, column in enumerate(rule.columns)])
    if rule.method != "mode":
        # For integers, rounded half to even; a cast would truncate.
        stats = stats.withColumns({f"value{index}": F.rint(F.col(f"value{index}"))
                                   for index, column in enumerate(rule.columns) if type_of(frame, column) in _WHOLE})
    stats = context.persist(stats)
    for index, column in enumerate(rule.columns):
        context.fitted.append({"rule": f"impute({column})", "method": rule.method,
                               **summary(stats, rule.by, {"value": f"value{index}"})})
    filled = _fill(join_stats(frame, stats, rule.by),
                   {column: F.col(f"{TEMPORARY}.value{index}") for index, column in enumerate(rule.columns)})
    return filled.drop(TEMPORARY)


def _forward(frame: DataFrame, rule: Impute, context: RuleContext) -> DataFrame:
    """The last value of the entity in earlier good rows, ordered by `along`, then by file and content."""
    along = F.col(quoted(rule.along or ""))
    window = (Window.partitionBy(*(F.col(quoted(column)) for column in rule.by), F.col(REJECT).isNull(), along.isNull())
              .orderBy(along, FILE, RECORD).rowsBetween(Window.unboundedPreceding, Window.currentRow))
    seen = {column: F.when(along.isNotNull() & F.col(REJECT).isNull(),
                           F.last(present(frame, column), ignorenulls=True).over(window)) for column in rule.columns}
    return _fill(frame, seen)
