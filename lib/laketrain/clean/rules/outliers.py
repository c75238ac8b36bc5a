"""The rule for numbers far from the others: bounds per group, from the good rows, applied to each row."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.clean.rules.base import TEMPORARY, good, received, reject, type_of
from laketrain.clean.rules.context import RuleContext
from laketrain.clean.rules.group_stats import (
    extend_stats,
    finite,
    join_stats,
    mean_of,
    means,
    merge_stats,
    quantiles,
    summary,
)
from laketrain.config.clean import Outliers
from laketrain.spark.frames import quoted

LIMITS = {"iqr": 1.5, "robust_z": 3.5, "z": 3.0}
_WHOLE = ("tinyint", "smallint", "int", "bigint")
_MAD = 1.4826
"""The standard deviation of a normal distribution divided by its median absolute deviation."""


def outliers(frame: DataFrame, rule: Outliers, context: RuleContext) -> DataFrame:
    """Rejects rows with values outside the bounds of their group, or clips or nulls the values."""
    frame = context.checkpoint(frame)
    stats = context.persist(_bounds(good(frame), rule))
    for index, column in enumerate(rule.columns):
        names = {name: f"{name}{index}" for name in ("center", "spread", "low", "high")}
        context.fitted.append({"rule": f"outliers({column})", "method": rule.method, "limit": _limit(rule),
                               **summary(stats, rule.by, names)})
    frame = join_stats(frame, stats, rule.by)
    for index, column in enumerate(rule.columns):
        frame = _apply_bounds(frame, column, F.col(f"{TEMPORARY}.low{index}"), F.col(f"{TEMPORARY}.high{index}"), rule)
    return frame.drop(TEMPORARY)


def _apply_bounds(frame: DataFrame, column: str, low: Column, high: Column, rule: Outliers) -> DataFrame:
    value, kind = F.col(quoted(column)), type_of(frame, column)
    number = value.cast("double")
    below, above = number < low, (number > high) & ~F.isnan(number)
    if rule.action == "reject":
        expected = F.concat(F.lit("expected "), _short(low), F.lit(" to "), _short(high), F.lit(f" ({rule.method})"))
        return reject(frame, f"outliers({column})", below | above, received(value, expected))
    if rule.action == "null":
        return frame.withColumn(column, F.when(F.coalesce(below | above, F.lit(False)), F.lit(None)).otherwise(value))
    if kind in _WHOLE:
        low, high = F.ceil(low), F.floor(high)
    return frame.withColumn(column, F.when(below, low.cast(kind)).when(above, high.cast(kind)).otherwise(value))


def _short(bound: Column) -> Column:
    """The bound with seven digits, for messages."""
    return bound.cast("float").cast("string")


def _limit(rule: Outliers) -> float:
    return LIMITS[rule.method] if rule.limit is None else rule.limit


def _bounds(rows: DataFrame, rule: Outliers) -> DataFrame:
    """`center`, `spread`, `low` and `high` for each group and column. The bounds are null if the spread is zero."""
    stats = {"iqr": _quartiles, "robust_z": _median_deviations, "z": _standard_deviations}[rule.method](rows, rule)
    for index in range(len(rule.columns)):
        spread = F.col(f"spread{index}")
        reach = F.when(spread > 0, spread * _limit(rule))
        first, last = ("first", "third") if rule.method == "iqr" else ("center", "center")
        stats = stats.withColumns({f"low{index}": F.col(f"{first}{index}") - reach,
                                   f"high{index}": F.col(f"{last}{index}") + reach})
    return stats


def _quartiles(rows: DataFrame, rule: Outliers) -> DataFrame:
    stats = quantiles(rows, rule.by, [finite(column) for column in rule.columns],
                      {"first": 0.25, "center": 0.5, "third": 0.75})
    return stats.withColumns({f"spread{index}": F.col(f"third{index}") - F.col(f"first{index}")
                              for index in range(len(rule.columns))})


def _median_deviations(rows: DataFrame, rule: Outliers) -> DataFrame:
    medians = quantiles(rows, rule.by, [finite(column) for column in rule.columns], {"center": 0.5})
    away = [F.abs(finite(column) - F.col(f"{TEMPORARY}.center{index}")) * _MAD
            for index, column in enumerate(rule.columns)]
    return merge_stats(medians, quantiles(join_stats(rows, medians, rule.by), rule.by, away, {"spread": 0.5}), rule.by)


def _standard_deviations(rows: DataFrame, rule: Outliers) -> DataFrame:
    stats = means(rows, rule.by, rule.columns, "center")
    spreads = []
    for index, column in enumerate(rule.columns):
        center, least, most = (F.col(f"{TEMPORARY}.{name}{index}") for name in ("center", "least", "most"))
        largest = F.greatest(most - center, center - least)
        share = (finite(column) - center) / largest
        spread = F.sqrt(mean_of(share * share, F.lit(1.0))) * F.first(largest)
        spreads.append(F.coalesce(spread, F.first(largest)).alias(f"spread{index}"))
    return extend_stats(stats, rows, rule.by, spreads)
