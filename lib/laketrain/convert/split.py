"""The split of a row and its order within the split. With `by`, both depend only on its key and the seed:

    position = int(md5(f"{seed}:split:{key}")[:8], 16) / 2**32, compared with the cumulative fractions

So rows of one key stay together, a rerun agrees, and anyone can recompute it in any language. MD5, because Spark has it
built in and its bits are uniform; nothing here is secret.
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
    """Upper ends, exclusive, of the splits' intervals in [0, 2**32); the last is 2**32."""
    ends = [round(part * _SPAN) for part in accumulate(fractions.values())]
    return [*ends[:-1], _SPAN]


def split_of(by: str, fractions: Mapping[str, float], seed: int) -> Column:
    """The index of each row's split among `fractions`; a null key counts as the text 'null'."""
    from pyspark.sql import functions as F

    # Hexadecimal texts of one length sort like their numbers, and Spark compares texts faster than it parses numbers.
    position = F.substring(_digest(by, seed, "split"), 1, _HEX_DIGITS)
    index = F.lit(len(fractions) - 1)
    for number, end in reversed(list(enumerate(thresholds(fractions)[:-1]))):
        within = position < f"{end:0{_HEX_DIGITS}x}" if end < _SPAN else F.lit(True)
        index = F.when(within, F.lit(number)).otherwise(index)
    return index.cast("int")


def order_of(by: str | None, seed: int) -> Column:
    """A text to sort rows by, in an order that looks random and is always the same. Without a key it is the same for
    all rows."""
    from pyspark.sql import functions as F

    return F.lit("") if by is None else _digest(by, seed, "order")


def with_split(rows: DataFrame, split: Split) -> DataFrame:
    """`rows` with the column SPLIT: the index among the splits' names, -1 for a row without a split."""
    if split.by_column is not None:
        return rows.withColumn(SPLIT, _by_column(split.by_column))
    if split.by_time is not None:
        return rows.withColumn(SPLIT, _by_time(split.by_time))
    assert split.by is not None and split.fractions is not None
    if split.stratify is None:
        return rows.withColumn(SPLIT, split_of(split.by, split.fractions, split.seed))
    return _stratified(rows, split.by, split.stratify, split.fractions, split.seed)


def refusal(split: Split) -> str:
    """The reason in quarantine of a row without a split."""
    if split.by_column is not None:
        return f"has a value of {split.by_column.column!r} that means no split"
    if split.by_time is not None:
        return f"has a {split.by_time.column!r} in no split's span, or none"
    return "is in no split"


def _by_column(split: ByColumn) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    value, index = F.col(quoted(split.column)).cast("string"), F.lit(-1)
    for number, values in enumerate(split.values.values()):
        index = F.when(value.isin([str(each) for each in values]), F.lit(number)).otherwise(index)
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
    """Cuts the keys of each stratum, ordered by their hashes, by the fractions. Each split gets a key if there are
    enough. A key in several strata counts in the first, so that its rows stay together."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    named = rows.select(F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null")).alias("key"),
                        F.coalesce(F.col(quoted(stratum)).cast("string"), F.lit("null")).alias("stratum"))
    keys = named.groupBy("key").agg(F.min("stratum").alias("stratum"))
    same_stratum = Window.partitionBy("stratum")
    digest = F.md5(F.concat(F.lit(f"{seed}:split:"), F.col("key")).cast("binary"))
    ranked = keys.select("key", F.row_number().over(same_stratum.orderBy(digest, "key")).alias("position"),
                         F.count(F.lit(1)).over(same_stratum).alias("size"))
    index, count = F.lit(len(fractions) - 1), len(fractions)
    for number, share in reversed(list(enumerate(list(accumulate(fractions.values()))[:-1]))):
        cut = F.round(F.col("size") * F.lit(share))
        each = F.greatest(F.lit(number + 1), F.least(cut, F.col("size") - F.lit(count - 1 - number)))
        index = F.when(F.col("position") <= F.when(F.col("size") >= count, each).otherwise(cut),
                       F.lit(number)).otherwise(index)
    chosen = ranked.select(F.col("key").alias(_KEY), index.cast("int").alias(SPLIT))
    keyed = rows.withColumn(_KEY, F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null")))
    return keyed.join(chosen, _KEY).drop(_KEY)


def _digest(by: str, seed: int, purpose: str) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    key = F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null"))
    return F.md5(F.concat(F.lit(f"{seed}:{purpose}:"), key).cast("binary"))
