"""Items that are almost the same, found without comparing all with all: see `similar`.

    marked(F.col("body"), likeness)                     # struct of item and mark: the same for the same
    pairs, crowded = pairs_of(items, likeness, kept)    # items: mark, item, order

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

from laketrain.config.likeness import Likeness
from laketrain.spark.frames import on_batches
from laketrain.spark.kept import Kept
from laketrain.spark.similar import band_hashes, bands_for, difference_hash, jaccard

LEADERS = 50
"""How many items of a bucket, the first ones, every other item of it is compared with."""


def marked(column: Column, likeness: Likeness) -> Column:
    """What is compared, with a mark that is the same for the same; both null where there is nothing to compare."""
    if likeness.kind == "image":
        item = _hashed_pictures()(column)
        return F.struct(item.alias("item"), F.hex(item).alias("mark"))
    text = F.lower(F.trim(F.regexp_replace(column, r"[\s\p{Z}]+", " ")))
    item = F.when(text != "", text)
    return F.struct(item.alias("item"), F.md5(item).alias("mark"))


def pairs_of(items: DataFrame, likeness: Likeness, kept: Kept) -> tuple[DataFrame, int]:
    """Pairs of marks that are alike, a before b in the order, with a's order and how alike they are, the more the
    larger; and how many buckets had more items than each other item was compared with.

    Args:
        items: mark, item, and an order of some sort; a row a mark.
    """
    buckets = _picture_bands(likeness.most) if likeness.kind == "image" else _text_bands(likeness)(F.col("item"))
    bucket = Window.partitionBy("band", "bucket").orderBy("order")
    ranked = kept.hold(items.select("mark", "order", F.posexplode(buckets).alias("band", "bucket"))
                       .withColumn("rank", F.row_number().over(bucket)))
    crowded = ranked.where(F.col("rank") == LEADERS + 1).count()
    leaders = ranked.where(F.col("rank") <= LEADERS).select("band", "bucket", F.col("rank").alias("at"),
                                                             F.col("mark").alias("a"))
    met = (ranked.where(F.col("rank") > 1).join(leaders, ["band", "bucket"]).where(F.col("at") < F.col("rank"))
           .select("a", F.col("mark").alias("b")).distinct())
    one, other = (items.select(F.col("mark").alias(side), F.col("item").alias(f"{side}_item"),
                               F.col("order").alias(f"{side}_order")) for side in "ab")
    both = met.join(one, "a").join(other, "b")
    alike = _alike(likeness)(F.col("a_item"), F.col("b_item"))
    least = -likeness.most if likeness.kind == "image" else likeness.least
    return both.select("a", "b", "a_order", alike.alias("alike")).where(F.col("alike") >= least), crowded


def _text_bands(likeness: Likeness) -> Callable[..., Column]:
    shingle, (bands, rows) = likeness.run, bands_for(likeness.least)

    def buckets_of(texts: pd.Series) -> pd.Series:
        return pd.Series(list(band_hashes(texts.tolist(), shingle, bands, rows)))

    return on_batches(buckets_of, "array<bigint>")


def _picture_bands(distance: int) -> Column:
    """The 64 bits in one part more than may differ: two hashes that near are the same in one part at least."""
    edges = [64 * part // (distance + 1) for part in range(distance + 2)]
    parts = [F.shiftrightunsigned("item", low).bitwiseAND(F.lit((1 << (high - low)) - 1 if high - low < 64 else -1))
             for low, high in pairwise(edges)]
    return F.array(*parts)


def _alike(likeness: Likeness) -> Callable[..., Column]:
    if likeness.kind == "image":
        return lambda a, b: -F.bit_count(a.bitwiseXOR(b)).cast("double")
    shingle = likeness.run

    def similarities(ones: pd.Series, others: pd.Series) -> pd.Series:
        return pd.Series([jaccard(one, other, shingle) for one, other in zip(ones, others, strict=True)])

    return on_batches(similarities, "double")


def _hashed_pictures() -> Callable[..., Column]:
    def hashes(pictures: pd.Series) -> pd.Series:
        return pd.Series([difference_hash(picture) for picture in pictures], dtype="Int64")

    return on_batches(hashes, "bigint")
