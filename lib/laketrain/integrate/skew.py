"""The last right row before each left row, without giving all rows of a large key to one task.

    both = stack(left, right)
    both, splits = split_large_keys(both, keys, rows)
    both = with_last(both, keys, splits, "match", earlier=True, exact=True)

A window gives all rows of a key to one task. A key with more rows than a task's fair share is therefore split into time
ranges of about equal size, which are processed separately; the last right row of a range is carried into the ranges
after it. Splits change which task does the work, never the result: rows of one time stay together.
"""

from __future__ import annotations

import math
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.integrate.base import column

AT, LEFT, RIGHT, SIDE = "_integrate_at", "_integrate_left", "_integrate_right", "_integrate_side"
IS_RIGHT, IS_LEFT = 0, 1
ORDER = "order"
"""The field of RIGHT that decides which of several rows is the last."""
_RANGE, _LAST, _CARRY = "_integrate_range", "_integrate_last", "_integrate_carry"
_BOUNDS, _FIRSTS, _SIZE, _RANGES = "_integrate_bounds", "_integrate_firsts", "_integrate_size", "_integrate_ranges"
_MIN_ROWS, _MAX_RANGES, _RANGES_PER_TASK = 20_000, 1024, 16
"""A key with fewer rows is never split, and none into more ranges. A hash assigns ranges to tasks: with many ranges per
task the work evens out."""


def stack(left: DataFrame, right: DataFrame) -> DataFrame:
    """Both sides in one frame: the key's columns, AT, LEFT and RIGHT, each null on the other side, and SIDE.

    Args:
        left, right: the key's columns, AT, and a struct LEFT or RIGHT with the other columns; RIGHT has ORDER.
    """
    first = left.withColumns({RIGHT: F.lit(None).cast(right.schema[RIGHT].dataType), SIDE: F.lit(IS_LEFT)})
    second = right.withColumns({LEFT: F.lit(None).cast(left.schema[LEFT].dataType), SIDE: F.lit(IS_RIGHT)})
    return first.unionByName(second)


def split_large_keys(both: DataFrame, keys: list[str], rows: int) -> tuple[DataFrame, DataFrame | None]:
    """`both` with the number of each row's time range; and the keys that have several ranges (the key's columns and
    `_RANGES`, their number), None where no key has.

    Args:
        rows: the number of rows of `both`.
    """
    spark = both.sparkSession
    tasks = int(spark.conf.get("spark.sql.shuffle.partitions") or 1)
    fair = max(_MIN_ROWS, rows // tasks)
    unsplit = both.withColumn(_RANGE, F.lit(0))
    if rows <= fair:
        return unsplit, None
    large = {tuple(row[key] for key in keys): row["count"]
             for row in both.groupBy(*keys).count().where(F.col("count") > fair).collect()}
    if not large:
        return unsplit, None
    ranges = min(_MAX_RANGES, _RANGES_PER_TASK * tasks)
    quantiles = F.percentile_approx(AT, [index / ranges for index in range(1, ranges)]).alias(_BOUNDS)
    large_keys = spark.createDataFrame([*large], both.select(*keys).schema) if keys else None
    large_rows = both.join(F.broadcast(large_keys), keys, "left_semi") if large_keys is not None else both
    bounds = []
    for row in large_rows.groupBy(*keys).agg(quantiles).collect():
        key = tuple(row[name] for name in keys)
        step = max(1, rows // large[key])
        bounds.append((*key, *_blocks(sorted(set(row[_BOUNDS]))[step - 1::step])))
    schema = both.select(*keys, F.array(AT).alias(_FIRSTS), F.array(F.array(AT)).alias(_BOUNDS),
                         F.lit(0).alias(_SIZE), F.lit(0).alias(_RANGES)).schema
    splits = spark.createDataFrame(bounds, schema)
    joined = both.join(F.broadcast(splits), keys, "left") if keys else both.crossJoin(F.broadcast(splits))
    number = F.when(F.col(_BOUNDS).isNull(), 0).otherwise(_range_number())
    return joined.withColumn(_RANGE, number).drop(_FIRSTS, _BOUNDS, _SIZE, _RANGES), splits.select(*keys, _RANGES)


def _blocks(bounds: list[Any]) -> tuple[list[Any], list[list[Any]], int, int]:
    """The bounds in blocks of one size, so that a row is compared with few of them: the first bound of each block but
    the first, the blocks, their size, and the number of ranges."""
    size = math.isqrt(len(bounds)) + 1
    blocks = [bounds[start:start + size] for start in range(0, len(bounds), size)] or [[]]
    return [block[0] for block in blocks[1:]], blocks, size, len(bounds) + 1


def _range_number() -> Column:
    """The number of bounds before a row's time."""
    block = F.size(F.filter(F.col(_FIRSTS), lambda first: first < F.col(AT)))
    within = F.size(F.filter(F.element_at(F.col(_BOUNDS), block + 1), lambda bound: bound < F.col(AT)))
    return block * F.col(_SIZE) + within


def with_last(both: DataFrame, keys: list[str], splits: DataFrame | None, name: str, earlier: bool,
              exact: bool) -> DataFrame:
    """`both` with RIGHT of the last row before each as the column `name`; null where there is none.

    The last row is the one with the highest ORDER among the rows before. They needn't be in that order: a row is sorted
    by when it became known, which can be late.

    Args:
        earlier: True looks back in time; False looks ahead, for the lowest ORDER of the rows after.
        exact: whether a row of the same time counts.
    """
    # Within one time, right rows are first where they count, else last.
    side = F.col(SIDE).asc() if exact else F.col(SIDE).desc()
    window = Window.partitionBy(*keys, _RANGE).orderBy(_direction(F.col(AT), earlier), side)
    last = _outermost(RIGHT, earlier).over(window.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    if splits is None:
        return both.withColumn(name, last)
    carried = F.broadcast(_carried(both, keys, splits, earlier))
    within, before = column(name)[ORDER], F.col(_CARRY)[ORDER]
    is_last = F.col(_CARRY).isNull() | (within >= before if earlier else within <= before)
    return both.withColumn(name, last).join(carried, [*keys, _RANGE], "left").withColumn(
        name, F.when(is_last, column(name)).otherwise(F.col(_CARRY))).drop(_CARRY)


def _carried(both: DataFrame, keys: list[str], splits: DataFrame, earlier: bool) -> DataFrame:
    """For each range, the last RIGHT of all ranges before it."""
    right = both.where(F.col(SIDE) == IS_RIGHT)
    if keys:
        right = right.join(F.broadcast(splits.select(*keys)), keys, "left_semi")
    lasts = right.groupBy(*keys, _RANGE).agg(_outermost(RIGHT, earlier).alias(_LAST))
    every = splits.select(*keys, F.explode(F.sequence(F.lit(0), F.col(_RANGES) - 1)).alias(_RANGE))
    window = Window.partitionBy(*keys).orderBy(_direction(F.col(_RANGE), earlier))
    return every.join(lasts, [*keys, _RANGE], "left").select(
        *keys, _RANGE,
        _outermost(_LAST, earlier).over(window.rowsBetween(Window.unboundedPreceding, -1)).alias(_CARRY))


def _outermost(rows: str, earlier: bool) -> Column:
    """The struct with the highest ORDER in the column `rows`, or with the lowest; nulls are ignored."""
    return F.max_by(rows, F.col(rows)[ORDER]) if earlier else F.min_by(rows, F.col(rows)[ORDER])


def _direction(order: Column, earlier: bool) -> Column:
    return order.asc() if earlier else order.desc()
