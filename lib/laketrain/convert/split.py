"""Which split a row belongs to and where it stands in it. With `by`, functions of its key and the seed alone:

    place = int(md5(f"{seed}:split:{key}")[:8], 16) / 2**32, compared with the cumulated fractions

So rows of one key never part, a rerun agrees, and anyone can recompute it in any language. MD5 because Spark has it
built in and its bits are even; nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from laketrain.config.convert import ByColumn, ByTime, Split
from laketrain.spark.frames import SPLIT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ORDER = "_order"
_KEY = "_key"
_HEX_DIGITS = 8
_SPAN = 16**_HEX_DIGITS


def thresholds(fractions: Mapping[str, float]) -> list[int]:
    """Upper ends, exclusive, of the splits' intervals in [0, 2**32); the last is the whole span."""
    ends = [round(part * _SPAN) for part in accumulate(fractions.values())]
    return [*ends[:-1], _SPAN]


def split_of(by: str, fractions: Mapping[str, float], seed: int) -> Column:
    """The index of each row's split among `fractions`; a null key counts as the text 'null'."""
    from pyspark.sql import functions as F

    # Hexadecimal digits of one length stand in the order of their numbers, and Spark compares texts quicker than it
    # reads numbers in them.
    place = F.substring(_digest(by, seed, "split"), 1, _HEX_DIGITS)
    index = F.lit(len(fractions) - 1)
    for number, end in reversed(list(enumerate(thresholds(fractions)[:-1]))):
        within = place < f"{end:0{_HEX_DIGITS}x}" if end < _SPAN else F.lit(True)
        index = F.when(within, F.lit(number)).otherwise(index)
    return index.cast("int")


def order_of(by: str | None, seed: int) -> Column:
    """A text by which to sort rows into an order that looks random and is always the same; the same one for all rows
    where there is no key."""
    from pyspark.sql import functions as F

    return F.lit("") if by is None else _digest(by, seed, "order")


def with_split(rows: DataFrame, split: Split) -> DataFrame:
    """`rows` with the column SPLIT: the index among the splits' names, -1 for a row that belongs to none."""
    if split.by_column is not None:
        return rows.withColumn(SPLIT, _by_column(split.by_column))
    if split.by_time is not None:
        return rows.withColumn(SPLIT, _by_time(split.by_time))
    assert split.by is not None and split.fractions is not None
    if split.stratify is None:
        return rows.withColumn(SPLIT, split_of(split.by, split.fractions, split.seed))
    return _stratified(rows, split.by, split.stratify, split.fractions, split.seed)


def refusal(split: Split) -> str:
    """Why a row is in no split, as quarantine says it."""
    if split.by_column is not None:
        return f"has a value of {split.by_column.column!r} that means no split"
    if split.by_time is not None:
        return f"has a {split.by_time.column!r} in no split's span, or none"
    return "is in no split"


def _by_column(split: ByColumn) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    said, index = F.col(quoted(split.column)).cast("string"), F.lit(-1)
    for number, values in enumerate(split.values.values()):
        index = F.when(said.isin([str(value) for value in values]), F.lit(number)).otherwise(index)
    return index.cast("int")


def _by_time(split: ByTime) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    at = F.col(quoted(split.column)).cast("timestamp")
    ends = list(split.until.values())
    index = F.lit(len(ends) if split.rest is not None else -1)
    for number, end in reversed(list(enumerate(ends))):
        index = F.when(at < F.lit(end).cast("timestamp"), F.lit(number)).otherwise(index)
    return F.when(at.isNull(), F.lit(-1)).otherwise(index).cast("int")


def _stratified(rows: DataFrame, by: str, stratum: str, fractions: Mapping[str, float], seed: int) -> DataFrame:
    """Within each stratum the keys, in the order of their hashes, are cut by the fractions; where it has as many keys
    as there are splits, each has one. A key in several strata counts in the first, so that its rows don't part."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    named = rows.select(F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null")).alias("key"),
                        F.coalesce(F.col(quoted(stratum)).cast("string"), F.lit("null")).alias("stratum"))
    keys = named.groupBy("key").agg(F.min("stratum").alias("stratum"))
    alike = Window.partitionBy("stratum")
    digest = F.md5(F.concat(F.lit(f"{seed}:split:"), F.col("key")).cast("binary"))
    placed = keys.select("key", F.row_number().over(alike.orderBy(digest, "key")).alias("place"),
                         F.count(F.lit(1)).over(alike).alias("size"))
    index, count = F.lit(len(fractions) - 1), len(fractions)
    for number, share in reversed(list(enumerate(list(accumulate(fractions.values()))[:-1]))):
        cut = F.round(F.col("size") * F.lit(share))
        each = F.greatest(F.lit(number + 1), F.least(cut, F.col("size") - F.lit(count - 1 - number)))
        index = F.when(F.col("place") <= F.when(F.col("size") >= count, each).otherwise(cut),
                       F.lit(number)).otherwise(index)
    chosen = placed.select(F.col("key").alias(_KEY), index.cast("int").alias(SPLIT))
    keyed = rows.withColumn(_KEY, F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null")))
    return keyed.join(chosen, _KEY).drop(_KEY)


def _digest(by: str, seed: int, purpose: str) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    key = F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null"))
    return F.md5(F.concat(F.lit(f"{seed}:{purpose}:"), key).cast("binary"))
