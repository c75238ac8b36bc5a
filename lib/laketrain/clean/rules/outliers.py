"""The rule about numbers far from the others: bounds a group, fitted on the good rows, then held against every row."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.clean.rules.base import PLACE, good, received, reject, type_of
from laketrain.clean.rules.fitting import beside, both, finite, mean_of, means, quantiles, recorded, widened
from laketrain.clean.rules.judging import Judging
from laketrain.config.clean import Outliers
from laketrain.spark.frames import quoted

LIMITS = {"iqr": 1.5, "robust_z": 3.5, "z": 3.0}
_WHOLE = ("tinyint", "smallint", "int", "bigint")
_MAD = 1.4826
"""Of a normal distribution, the standard deviation over the median absolute deviation."""


def outliers(frame: DataFrame, rule: Outliers, judging: Judging) -> DataFrame:
    """Rejects, clips or empties what lies outside the bounds of its group."""
    frame = judging.checkpoint(frame)
    stats = judging.persist(_bounds(good(frame), rule))
    for place, column in enumerate(rule.columns):
        names = {name: f"{name}{place}" for name in ("center", "spread", "low", "high")}
        judging.fitted.append({"rule": f"outliers({column})", "method": rule.method, "limit": _limit(rule),
                               **recorded(stats, rule.by, names)})
    frame = beside(frame, stats, rule.by)
    for place, column in enumerate(rule.columns):
        frame = _judged(frame, column, F.col(f"{PLACE}.low{place}"), F.col(f"{PLACE}.high{place}"), rule)
    return frame.drop(PLACE)


def _judged(frame: DataFrame, column: str, low: Column, high: Column, rule: Outliers) -> DataFrame:
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
    """Seven digits are enough to read."""
    return bound.cast("float").cast("string")


def _limit(rule: Outliers) -> float:
    return LIMITS[rule.method] if rule.limit is None else rule.limit


def _bounds(rows: DataFrame, rule: Outliers) -> DataFrame:
    """Of each group and column `center`, `spread`, `low` and `high`; the bounds null where there is no spread."""
    stats = {"iqr": _quartiles, "robust_z": _median_deviations, "z": _standard_deviations}[rule.method](rows, rule)
    for place in range(len(rule.columns)):
        spread = F.col(f"spread{place}")
        reach = F.when(spread > 0, spread * _limit(rule))
        first, last = ("first", "third") if rule.method == "iqr" else ("center", "center")
        stats = stats.withColumns({f"low{place}": F.col(f"{first}{place}") - reach,
                                   f"high{place}": F.col(f"{last}{place}") + reach})
    return stats


def _quartiles(rows: DataFrame, rule: Outliers) -> DataFrame:
    stats = quantiles(rows, rule.by, [finite(column) for column in rule.columns],
                      {"first": 0.25, "center": 0.5, "third": 0.75})
    return stats.withColumns({f"spread{place}": F.col(f"third{place}") - F.col(f"first{place}")
                              for place in range(len(rule.columns))})


def _median_deviations(rows: DataFrame, rule: Outliers) -> DataFrame:
    medians = quantiles(rows, rule.by, [finite(column) for column in rule.columns], {"center": 0.5})
    away = [F.abs(finite(column) - F.col(f"{PLACE}.center{place}")) * _MAD for place, column in enumerate(rule.columns)]
    return both(medians, quantiles(beside(rows, medians, rule.by), rule.by, away, {"spread": 0.5}), rule.by)


def _standard_deviations(rows: DataFrame, rule: Outliers) -> DataFrame:
    stats = means(rows, rule.by, rule.columns, "center")
    spreads = []
    for place, column in enumerate(rule.columns):
        center, least, most = (F.col(f"{PLACE}.{name}{place}") for name in ("center", "least", "most"))
        largest = F.greatest(most - center, center - least)
        share = (finite(column) - center) / largest
        spread = F.sqrt(mean_of(share * share, F.lit(1.0))) * F.first(largest)
        spreads.append(F.coalesce(spread, F.first(largest)).alias(f"spread{place}"))
    return widened(stats, rows, rule.by, spreads)
