"""The rule against rows that are almost the same as another. Never all with all: see `similar`.

Texts (pictures) that are the same once normalised (hashed) are one item. Items that share a bucket, a band of their
hashes, make candidate pairs; each pair is then compared exactly. In a bucket an item meets only the first few, so that
a bucket of a million templates makes millions of pairs and not their square.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import PLACE, good, on_batches, reject
from laketrain.clean.rules.judging import Judging
from laketrain.clean.rules.keys import named
from laketrain.clean.rules.similar import band_hashes, bands_for, difference_hash, jaccard
from laketrain.config.clean import NearDuplicates
from laketrain.spark.frames import quoted

LEADERS = 50
"""How many items of a bucket, the first ones, every other item of it is compared with."""

_OTHER = "_order"
"""A second column that lives no longer than the rule."""


def near_duplicates(frame: DataFrame, rule: NearDuplicates, judging: Judging) -> DataFrame:
    """Rejects all but the first of rows that are alike. A row that stays is like no other that stays, as far as they
    met in a bucket; a row that goes is like the one that is named."""
    frame = judging.keep(frame.withColumn(PLACE, _marked(rule)))
    items = judging.hold(_items(good(frame), rule))
    pairs = judging.hold(_pairs(items, rule, judging))
    verdicts = judging.hold(_settled(pairs, items, judging))
    name = f"near_duplicates({rule.column})"
    same = (Window.partitionBy(F.col(f"{PLACE}.mark"), F.col(REJECT).isNull(),
                               F.when(F.col(f"{PLACE}.mark").isNull(), F.xxhash64(RECORD)))
            .orderBy(_order()))
    frame = frame.withColumn(_OTHER, F.struct(F.row_number().over(same).alias("number"),
                                              F.first(_named(rule)).over(same).alias("first")))
    alike = F.col(f"{PLACE}.mark").isNotNull() & (F.col(f"{_OTHER}.number") > 1)
    twin = F.concat(F.lit("is like "), F.col(f"{_OTHER}.first"), F.lit(_said_alike(rule)))
    frame = frame.withColumn(PLACE, F.struct(F.col(f"{PLACE}.mark"), alike.alias("alike"), twin.alias("twin")))
    frame = frame.drop(_OTHER)
    packed = verdicts.select(F.struct("*").alias(_OTHER))
    frame = frame.join(packed, F.col(f"{PLACE}.mark") == F.col(f"{_OTHER}.gone"), "left")
    kin = F.concat(F.lit("is like "), F.col(f"{_OTHER}.kept"), F.col(f"{_OTHER}.how"))
    frame = reject(frame, name, F.col(f"{_OTHER}.gone").isNotNull(), kin)
    return reject(frame, name, F.col(f"{PLACE}.alike"), F.col(f"{PLACE}.twin")).drop(PLACE, _OTHER)


def _order() -> Column:
    """What makes a row the first: its file, then how its record begins, then all of it."""
    return F.struct(F.col(FILE).alias("file"), F.substring(RECORD, 1, 50).alias("begin"), F.md5(RECORD).alias("record"))


def _named(rule: NearDuplicates) -> Column:
    if rule.key:
        return F.concat(F.lit("the row with "), named(rule.key))
    return F.concat(F.lit("a row of "), F.col(FILE))


def _marked(rule: NearDuplicates) -> Column:
    """What is compared, with a mark that is the same for the same; both null where there is nothing to compare."""
    column = F.col(quoted(rule.column))
    if rule.kind == "image":
        item = _hashed_pictures()(column)
        return F.struct(item.alias("item"), F.hex(item).alias("mark"))
    text = F.lower(F.trim(F.regexp_replace(column, r"[\s\p{Z}]+", " ")))
    item = F.when(text != "", text)
    return F.struct(item.alias("item"), F.md5(item).alias("mark"))


def _items(rows: DataFrame, rule: NearDuplicates) -> DataFrame:
    """One row an item: mark, item, order and name of its first row, and the buckets that it lies in."""
    earliest = F.min(F.struct(_order().alias("order"), _named(rule).alias("name"))).alias("earliest")
    found = (rows.where(F.col(f"{PLACE}.mark").isNotNull()).groupBy(F.col(f"{PLACE}.mark").alias("mark"))
             .agg(F.first(f"{PLACE}.item").alias("item"), earliest))
    buckets = _picture_bands(_distance(rule)) if rule.kind == "image" else _text_bands(rule)(F.col("item"))
    return found.select("mark", "item", "earliest.order", "earliest.name", buckets.alias("buckets"))


def _pairs(items: DataFrame, rule: NearDuplicates, judging: Judging) -> DataFrame:
    """Items that are alike: a before b in the order, with how alike they are, the more the larger."""
    bucket = Window.partitionBy("band", "bucket").orderBy("order")
    ranked = judging.hold(items.select("mark", "order", F.posexplode("buckets").alias("band", "bucket"))
                          .withColumn("rank", F.row_number().over(bucket)))
    crowded = ranked.where(F.col("rank") == LEADERS + 1).count()
    judging.fitted.append({"rule": f"near_duplicates({rule.column})", "buckets_over_limit": crowded, "limit": LEADERS})
    leaders = ranked.where(F.col("rank") <= LEADERS).select("band", "bucket", F.col("rank").alias("at"),
                                                             F.col("mark").alias("a"))
    met = (ranked.where(F.col("rank") > 1).join(leaders, ["band", "bucket"]).where(F.col("at") < F.col("rank"))
           .select("a", F.col("mark").alias("b")).distinct())
    one, other = (items.select(F.col("mark").alias(side), F.col("item").alias(f"{side}_item"),
                               F.col("order").alias(f"{side}_order")) for side in "ab")
    both = met.join(one, "a").join(other, "b")
    alike = _alike(rule)(F.col("a_item"), F.col("b_item"))
    least = -_distance(rule) if rule.kind == "image" else _similarity(rule)
    return both.select("a", "b", "a_order", alike.alias("alike")).where(F.col("alike") >= least)


def _settled(pairs: DataFrame, items: DataFrame, judging: Judging) -> DataFrame:
    """Which items go (`gone`), beside which that stays (`kept`), and how alike they are, in words (`how`).

    An item goes if one that stays is like it and before it. Those that nothing comes before stay; what is like them
    goes; without both, others have nothing before them; and so on until no pair is left.
    """
    rounds: list[DataFrame] = []
    while not pairs.isEmpty():
        stays = pairs.join(pairs.select(F.col("b").alias("a")).distinct(), "a", "left_anti")
        nearest = F.min(F.struct(-F.col("alike"), "a_order", F.col("a").alias("kept"), "alike")).alias("nearest")
        gone = judging.hold(stays.groupBy("b").agg(nearest).select("b", "nearest.kept", "nearest.alike"))
        rounds.append(gone)
        left = pairs.join(gone.select("b"), "b", "left_anti")
        pairs = judging.hold(left.join(gone.select(F.col("b").alias("a")), "a", "left_anti"))
    if not rounds:
        return items.sparkSession.createDataFrame([], "gone string, kept string, how string")
    settled = rounds[0]
    for more in rounds[1:]:
        settled = settled.union(more)
    names = items.select(F.col("mark").alias("kept"), "name")
    return settled.join(names, "kept").select(F.col("b").alias("gone"), F.col("name").alias("kept"),
                                              _said(F.col("alike")).alias("how"))


def _said(alike: Column) -> Column:
    """A similarity is positive; a distance is told from it by its sign."""
    similarity = F.format_string(" (similarity %.2f)", alike)
    return F.when(alike > 0, similarity).otherwise(
        F.format_string(" (%d of 64 bits differ)", (-alike).cast("int")))


def _said_alike(rule: NearDuplicates) -> str:
    return " (0 of 64 bits differ)" if rule.kind == "image" else " (similarity 1.00)"


def _similarity(rule: NearDuplicates) -> float:
    return 0.8 if rule.similarity is None else rule.similarity


def _distance(rule: NearDuplicates) -> int:
    return 4 if rule.distance is None else rule.distance


def _shingle(rule: NearDuplicates) -> int:
    return 5 if rule.shingle is None else rule.shingle


def _text_bands(rule: NearDuplicates) -> Callable[..., Column]:
    shingle, (bands, rows) = _shingle(rule), bands_for(_similarity(rule))

    def buckets_of(texts: pd.Series) -> pd.Series:
        return pd.Series(list(band_hashes(texts.tolist(), shingle, bands, rows)))

    return on_batches(buckets_of, "array<bigint>")


def _picture_bands(distance: int) -> Column:
    """The 64 bits in one part more than may differ: two hashes that near are the same in one part at least."""
    edges = [64 * part // (distance + 1) for part in range(distance + 2)]
    parts = [F.shiftrightunsigned("item", low).bitwiseAND(F.lit((1 << (high - low)) - 1 if high - low < 64 else -1))
             for low, high in pairwise(edges)]
    return F.array(*parts)


def _alike(rule: NearDuplicates) -> Callable[..., Column]:
    if rule.kind == "image":
        return lambda a, b: -F.bit_count(a.bitwiseXOR(b)).cast("double")
    shingle = _shingle(rule)

    def similarities(ones: pd.Series, others: pd.Series) -> pd.Series:
        return pd.Series([jaccard(one, other, shingle) for one, other in zip(ones, others, strict=True)])

    return on_batches(similarities, "double")


def _hashed_pictures() -> Callable[..., Column]:
    def hashes(pictures: pd.Series) -> pd.Series:
        return pd.Series([difference_hash(picture) for picture in pictures], dtype="Int64")

    return on_batches(hashes, "bigint")
