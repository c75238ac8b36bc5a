"""The rule that fills cells without a value, and counts them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import PLACE, good, present, type_of
from laketrain.clean.rules.fitting import beside, finite, grouped, means, quantiles, recorded
from laketrain.clean.rules.judging import Judging
from laketrain.config.clean import Impute
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_WHOLE = ("tinyint", "smallint", "int", "bigint")


def impute(frame: DataFrame, rule: Impute, judging: Judging) -> DataFrame:
    """Every cell without a value gets what the rule's method says, where that has anything to say."""
    frame = judging.checkpoint(frame)
    filled = {"constant": _constant, "forward": _forward}.get(rule.method, _fitted)(frame, rule, judging)
    before, after = (_empty(good(each), rule) for each in (frame, filled))
    for column in rule.columns:
        name = f"impute({column})"
        judging.imputed[name] = judging.imputed.get(name, 0) + before[column] - after[column]
    return filled


def _empty(rows: DataFrame, rule: Impute) -> dict[str, int]:
    """How many cells of each column hold no value."""
    counted = [F.count_if(present(rows, column).isNull()).alias(f"n{place}")
               for place, column in enumerate(rule.columns)]
    [row] = rows.agg(*counted).collect()
    return dict(zip(rule.columns, row, strict=True))


def _fill(frame: DataFrame, values: dict[str, Column]) -> DataFrame:
    """Where a column holds no value, the one of `values`; what was there stays where there is none in either."""
    filled = {column: F.coalesce(present(frame, column), value.cast(type_of(frame, column)), F.col(quoted(column)))
              for column, value in values.items()}
    return frame.withColumns(filled)


def _constant(frame: DataFrame, rule: Impute, judging: Judging) -> DataFrame:
    values = {column: F.lit(rule.value).try_cast(type_of(frame, column)) for column in rule.columns}
    [row] = frame.sparkSession.range(1).select(*values.values()).collect()
    for column, value in zip(rule.columns, row, strict=True):
        if value is None:
            raise DataError("clean", f"impute({column})", f"received the value {rule.value!r}, expected "
                            f"{type_of(frame, column)}", "give a value of the column's type")
    return _fill(frame, values)


def _fitted(frame: DataFrame, rule: Impute, judging: Judging) -> DataFrame:
    rows = good(frame)
    if rule.method == "mean":
        stats = means(rows, rule.by, rule.columns, "value")
    elif rule.method == "median":
        stats = quantiles(rows, rule.by, [finite(column) for column in rule.columns], {"value": 0.5})
    else:
        # Deterministic: of several most frequent values the smallest.
        stats = grouped(rows, rule.by, [F.mode(present(rows, column), deterministic=True).alias(f"value{place}")
                                        for place, column in enumerate(rule.columns)])
    if rule.method != "mode":
        # Not 2.5 of an integer's median made 2 by a cast, but the nearest, of two the even one.
        stats = stats.withColumns({f"value{place}": F.rint(F.col(f"value{place}"))
                                   for place, column in enumerate(rule.columns) if type_of(frame, column) in _WHOLE})
    stats = judging.persist(stats)
    for place, column in enumerate(rule.columns):
        judging.fitted.append({"rule": f"impute({column})", "method": rule.method,
                               **recorded(stats, rule.by, {"value": f"value{place}"})})
    filled = _fill(beside(frame, stats, rule.by),
                   {column: F.col(f"{PLACE}.value{place}") for place, column in enumerate(rule.columns)})
    return filled.drop(PLACE)


def _forward(frame: DataFrame, rule: Impute, judging: Judging) -> DataFrame:
    """Per entity the value last seen among the good rows before, in the order of `along`, then of file and content."""
    along = F.col(quoted(rule.along or ""))
    window = (Window.partitionBy(*(F.col(quoted(column)) for column in rule.by), F.col(REJECT).isNull(), along.isNull())
              .orderBy(along, FILE, RECORD).rowsBetween(Window.unboundedPreceding, Window.currentRow))
    seen = {column: F.when(along.isNotNull() & F.col(REJECT).isNull(),
                           F.last(present(frame, column), ignorenulls=True).over(window)) for column in rule.columns}
    return _fill(frame, seen)
