"""The last row of another side before each row, however many rows one key has.

    both = under_each_other(left, right)
    both, cuts = cut(both, keys, rows)
    both = with_last(both, keys, cuts, "match", earlier=True, exact=True)

A window gives all rows of a key to one task. So where a key has more than a task's fair share, its time is cut into
stretches of about as many rows each, which are looked through apart; what was last at the end of one is carried into
those after it. Where the cuts lie changes who does the work, and never what comes out: rows of one time are never cut.
"""

from __future__ import annotations

import math
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.integrate.base import column

AT, LEFT, RIGHT, SIDE = "_integrate_at", "_integrate_left", "_integrate_right", "_integrate_side"
OF_RIGHT, OF_LEFT = 0, 1
ORDER = "order"
"""The field of RIGHT by which the last of several rows is found."""
_STRETCH, _LAST, _CARRY = "_integrate_stretch", "_integrate_last", "_integrate_carry"
_CUTS, _FIRSTS, _SIZE, _PARTS = "_integrate_cuts", "_integrate_firsts", "_integrate_size", "_integrate_parts"
_LEAST_ROWS, _MOST_CUTS, _STRETCHES_A_TASK = 20_000, 1024, 16
"""A key with fewer rows is never cut, and none at more places. Which task gets a stretch is a matter of hashes: with
many a task the work evens out."""


def under_each_other(left: DataFrame, right: DataFrame) -> DataFrame:
    """Both sides in one frame: the key's columns, AT, LEFT and RIGHT, each null on the other side, and SIDE.

    Args:
        left, right: the key's columns, AT, and a struct LEFT or RIGHT with whatever else they hold; RIGHT has ORDER.
    """
    first = left.withColumns({RIGHT: F.lit(None).cast(right.schema[RIGHT].dataType), SIDE: F.lit(OF_LEFT)})
    second = right.withColumns({LEFT: F.lit(None).cast(left.schema[LEFT].dataType), SIDE: F.lit(OF_RIGHT)})
    return first.unionByName(second)


def cut(both: DataFrame, keys: list[str], rows: int) -> tuple[DataFrame, DataFrame | None]:
    """`both` with the number of each row's stretch, and the stretches of the keys that have several (the key's columns
    and `_PARTS`, their number); None where none has.

    Args:
        rows: how many `both` has.
    """
    spark = both.sparkSession
    tasks = int(spark.conf.get("spark.sql.shuffle.partitions") or 1)
    fair = max(_LEAST_ROWS, rows // tasks)
    uncut = both.withColumn(_STRETCH, F.lit(0))
    if rows <= fair:
        return uncut, None
    crowded = {tuple(row[key] for key in keys): row["count"]
               for row in both.groupBy(*keys).count().where(F.col("count") > fair).collect()}
    if not crowded:
        return uncut, None
    places = min(_MOST_CUTS, _STRETCHES_A_TASK * tasks)
    times = F.percentile_approx(AT, [place / places for place in range(1, places)]).alias(_CUTS)
    few = spark.createDataFrame([*crowded], both.select(*keys).schema) if keys else None
    theirs = both.join(F.broadcast(few), keys, "left_semi") if few is not None else both
    found = []
    for row in theirs.groupBy(*keys).agg(times).collect():
        key = tuple(row[name] for name in keys)
        step = max(1, rows // crowded[key])
        found.append((*key, *_blocks(sorted(set(row[_CUTS]))[step - 1::step])))
    schema = both.select(*keys, F.array(AT).alias(_FIRSTS), F.array(F.array(AT)).alias(_CUTS),
                         F.lit(0).alias(_SIZE), F.lit(0).alias(_PARTS)).schema
    cuts = spark.createDataFrame(found, schema)
    told = both.join(F.broadcast(cuts), keys, "left") if keys else both.crossJoin(F.broadcast(cuts))
    stretch = F.when(F.col(_CUTS).isNull(), 0).otherwise(_place())
    return told.withColumn(_STRETCH, stretch).drop(_FIRSTS, _CUTS, _SIZE, _PARTS), cuts.select(*keys, _PARTS)


def _blocks(times: list[Any]) -> tuple[list[Any], list[list[Any]], int, int]:
    """The cuts in blocks of a size, so that a row is compared with few of them: the first time of each block but the
    first, the blocks, their size, and how many stretches the cuts make."""
    size = math.isqrt(len(times)) + 1
    blocks = [times[start:start + size] for start in range(0, len(times), size)] or [[]]
    return [block[0] for block in blocks[1:]], blocks, size, len(times) + 1


def _place() -> Column:
    """How many cuts lie before a row's time."""
    block = F.size(F.filter(F.col(_FIRSTS), lambda first: first < F.col(AT)))
    within = F.size(F.filter(F.element_at(F.col(_CUTS), block + 1), lambda one: one < F.col(AT)))
    return block * F.col(_SIZE) + within


def with_last(both: DataFrame, keys: list[str], cuts: DataFrame | None, name: str, earlier: bool,
              exact: bool) -> DataFrame:
    """`both` with RIGHT of the last row before each, as the column `name`; null where there is none.

    The last is that with the highest ORDER among the rows before, which need not come in that order: a row may come
    late, at the time when it was known.

    Args:
        earlier: before in time, else after: the lowest ORDER of those that come.
        exact: whether a row of the same time is one.
    """
    # At one time the right side stands first where it is to be seen, else last.
    side = F.col(SIDE).asc() if exact else F.col(SIDE).desc()
    window = Window.partitionBy(*keys, _STRETCH).orderBy(_along(F.col(AT), earlier), side)
    last = _outermost(RIGHT, earlier).over(window.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    if cuts is None:
        return both.withColumn(name, last)
    carried = F.broadcast(_carried(both, keys, cuts, earlier))
    mine, before = column(name)[ORDER], F.col(_CARRY)[ORDER]
    stays = F.col(_CARRY).isNull() | (mine >= before if earlier else mine <= before)
    return both.withColumn(name, last).join(carried, [*keys, _STRETCH], "left").withColumn(
        name, F.when(stays, column(name)).otherwise(F.col(_CARRY))).drop(_CARRY)


def _carried(both: DataFrame, keys: list[str], cuts: DataFrame, earlier: bool) -> DataFrame:
    """What comes into each stretch from those before it: the last RIGHT of them all."""
    lasts = both.where(F.col(SIDE) == OF_RIGHT).join(F.broadcast(cuts.select(*keys)), keys, "left_semi") if keys else (
        both.where(F.col(SIDE) == OF_RIGHT))
    lasts = lasts.groupBy(*keys, _STRETCH).agg(_outermost(RIGHT, earlier).alias(_LAST))
    every = cuts.select(*keys, F.explode(F.sequence(F.lit(0), F.col(_PARTS) - 1)).alias(_STRETCH))
    window = Window.partitionBy(*keys).orderBy(_along(F.col(_STRETCH), earlier))
    return every.join(lasts, [*keys, _STRETCH], "left").select(
        *keys, _STRETCH,
        _outermost(_LAST, earlier).over(window.rowsBetween(Window.unboundedPreceding, -1)).alias(_CARRY))


def _outermost(rows: str, earlier: bool) -> Column:
    """Of the structs in the column `rows`, nulls left aside, that with the highest ORDER, or the lowest."""
    return F.max_by(rows, F.col(rows)[ORDER]) if earlier else F.min_by(rows, F.col(rows)[ORDER])


def _along(order: Column, earlier: bool) -> Column:
    return order.asc() if earlier else order.desc()
