"""Values fitted on the good rows of a table, a group each, and laid beside every row of that group.

    stats = quantiles(good(frame), ["city"], [finite("price")], {"median": 0.5})
    frame = beside(frame, stats, ["city"])          # F.col("_place.median0")

Nothing here depends on how Spark cut or ordered the rows: quantiles are exact, and means are sums of decimals, which
add up alike in any order where doubles don't.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.rules.base import PLACE
from laketrain.spark.frames import quoted

MOST_RECORDED = 1000
"""Groups whose values the version names; a log entry is no place for millions."""

_EXACT = "decimal(38,24)"


def grouped(rows: DataFrame, by: list[str], values: list[Column]) -> DataFrame:
    """One row a group, with the columns `k0`, `k1`, … of its key and then `values`. Without `by`, one row."""
    return rows.groupBy(*(F.col(quoted(column)).alias(f"k{place}") for place, column in enumerate(by))).agg(*values)


def beside(frame: DataFrame, stats: DataFrame, by: list[str]) -> DataFrame:
    """Every row with what `stats` has of its group, as the struct PLACE; null for a group that isn't there."""
    packed = stats.select(F.struct("*").alias(PLACE))
    if not by:
        return frame.crossJoin(F.broadcast(packed))
    # A null key is a group like any other.
    same = [F.col(quoted(column)).eqNullSafe(F.col(f"{PLACE}.k{place}")) for place, column in enumerate(by)]
    return frame.join(packed, reduce(and_, same), "left")


def widened(stats: DataFrame, rows: DataFrame, by: list[str], values: list[Column]) -> DataFrame:
    """`stats` with further values, computed from rows that lie beside those that are known: `_place.mean` in them is
    the group's."""
    known = [column for column in stats.columns if column not in {f"k{place}" for place in range(len(by))}]
    carried = [F.first(F.col(f"{PLACE}.{column}")).alias(column) for column in known]
    return grouped(beside(rows, stats, by), by, [*carried, *values])


def finite(column: str) -> Column:
    """The column as a double, null where it is no finite number."""
    value = F.col(quoted(column)).cast("double")
    return F.when(~F.isnan(value) & (F.abs(value) != float("inf")), value)


def both(one: DataFrame, other: DataFrame, by: list[str]) -> DataFrame:
    """What two frames with the same groups know of them."""
    keys = [f"k{place}" for place in range(len(by))]
    if not keys:
        return one.crossJoin(other)
    renamed = other.withColumnsRenamed({key: f"other_{key}" for key in keys})
    same = reduce(and_, (F.col(key).eqNullSafe(F.col(f"other_{key}")) for key in keys))
    return one.join(renamed, same).drop(*(f"other_{key}" for key in keys))


def quantiles(rows: DataFrame, by: list[str], values: Sequence[Column], fractions: Mapping[str, float]) -> DataFrame:
    """Of each group, for the value number 0, 1, … and each named fraction, the exact quantile as `<name>0`.

    Between two values it lies where NumPy's default sees it. Values are counted before they are ordered, so that what
    one task must sort is a group's distinct values; it sorts on disk where they are many. Spark's own `percentile`
    holds them all in memory: of 5 million it took 8 times as long as of one.
    """
    keys = [f"k{place}" for place in range(len(by))]
    cells = F.array(*(F.struct(F.lit(place).alias("place"), value.alias("value"))
                      for place, value in enumerate(values)))
    named = [F.col(quoted(column)).alias(key) for key, column in zip(keys, by, strict=True)]
    counted = (rows.select(*named, F.explode(cells).alias("cell")).select(*keys, "cell.*")
               .groupBy(*keys, "place", "value").agg(F.count("value").alias("rows")))
    group = Window.partitionBy(*keys, "place")
    upto = group.orderBy("value").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    ranked = counted.withColumns({"upto": F.sum("rows").over(upto), "all": F.sum("rows").over(group)})
    found = [_quantile(place, fraction).alias(f"{name}{place}")
             for place in range(len(values)) for name, fraction in fractions.items()]
    return ranked.groupBy(*keys).agg(*found)


def _quantile(place: int, fraction: float) -> Column:
    """Of the values of that number, which know how many rows lie up to them, the one or two that the fraction is at."""
    mine, position = F.col("place") == place, F.lit(fraction) * (F.col("all") - 1)

    def at(rank: Column) -> Column:
        there = (F.col("upto") > rank) & (F.col("upto") - F.col("rows") <= rank)
        return F.max(F.when(mine & there, F.col("value")))

    low, high = at(F.floor(position)), at(F.ceil(position))
    return low + (high - low) * F.max(F.when(mine, position - F.floor(position)))


def means(rows: DataFrame, by: list[str], columns: list[str], name: str) -> DataFrame:
    """Of each group, and of the column number 0, 1, …: `least0`, `most0`, and its mean as `<name>0`."""
    extremes = [of(finite(column)).alias(f"{word}{place}") for place, column in enumerate(columns)
                for word, of in (("least", F.min), ("most", F.max))]
    largest = [F.greatest(F.abs(F.col(f"{PLACE}.least{place}")), F.abs(F.col(f"{PLACE}.most{place}")))
               for place in range(len(columns))]
    return widened(grouped(rows, by, extremes), rows, by,
                   [mean_of(finite(column), largest[place]).alias(f"{name}{place}")
                    for place, column in enumerate(columns)])


def mean_of(value: Column, largest: Column) -> Column:
    """The group's mean of `value`, of which no absolute is above the group's `largest`: exact to 24 decimals of that,
    and the same in any order of the rows."""
    share = F.when(largest == 0, value).otherwise(value / largest)
    factor = F.first(F.when(largest == 0, F.lit(1.0)).otherwise(largest))
    return F.sum(share.cast(_EXACT)).cast("double") / F.count(value) * factor


def recorded(stats: DataFrame, by: list[str], values: dict[str, str]) -> dict[str, Any]:
    """What an entry says of fitted values: how many groups, and of the first of them, by key, each value.

    Args:
        values: names for people, each with its column of `stats`.
    """
    fitted = _as_json(list(values.values())).alias("fitted")
    if not by:
        [row] = stats.select(fitted).collect()
        return {"values": [dict(zip(values, json.loads(row["fitted"]).values(), strict=True))]}
    keys = [f"k{place}" for place in range(len(by))]
    rows = stats.orderBy(*keys).limit(MOST_RECORDED).select(_as_json(keys).alias("key"), fitted).collect()
    found = [{"group": dict(zip(by, json.loads(row["key"]).values(), strict=True)),
              **dict(zip(values, json.loads(row["fitted"]).values(), strict=True))} for row in rows]
    return {"by": by, "groups": stats.count(), "values": found}


def _as_json(columns: list[str]) -> Column:
    """Columns of any type as one text, by their places."""
    return F.to_json(F.struct(*(F.col(column).alias(str(place)) for place, column in enumerate(columns))),
                     {"ignoreNullFields": "false"})
