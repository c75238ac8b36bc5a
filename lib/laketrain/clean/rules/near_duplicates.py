"""The rule that rejects near duplicates of other rows, found by `laketrain.spark.near_duplicates`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import PLACE, good, reject
from laketrain.clean.rules.judging import Judging
from laketrain.clean.rules.keys import named
from laketrain.config.clean import NearDuplicates
from laketrain.spark import near_duplicates as search
from laketrain.spark.frames import quoted
from laketrain.spark.near_duplicates import item_and_mark, similar_pairs

_OTHER = "_order"
"""A second column that lives no longer than the rule."""


def near_duplicates(frame: DataFrame, rule: NearDuplicates, judging: Judging) -> DataFrame:
    """Rejects all but the first of rows that are alike. A row that stays is like no other that stays, as far as they
    met in a bucket; a row that goes is like the one that is named."""
    frame = judging.checkpoint(frame.withColumn(PLACE, item_and_mark(F.col(quoted(rule.column)), rule)))
    items, name = judging.persist(_items(good(frame), rule, judging)), f"near_duplicates({rule.column})"
    pairs, oversized = similar_pairs(items, rule, judging)
    judging.fitted.append({"rule": name, "buckets_over_limit": oversized, "limit": search.BUCKET_LIMIT})
    verdicts = judging.persist(_settled(judging.persist(pairs), items, judging))
    same = (Window.partitionBy(F.col(f"{PLACE}.mark"), F.col(REJECT).isNull(),
                               F.when(F.col(f"{PLACE}.mark").isNull(), F.xxhash64(RECORD)))
            .orderBy(_order()))
    frame = frame.withColumn(_OTHER, F.struct(F.row_number().over(same).alias("number"),
                                              F.first(_named(rule, judging)).over(same).alias("first")))
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


def _named(rule: NearDuplicates, judging: Judging) -> Column:
    if rule.key:
        return F.concat(F.lit("the row with "), named(rule.key))
    return F.concat(F.lit("a row of "), judging.file)


def _items(rows: DataFrame, rule: NearDuplicates, judging: Judging) -> DataFrame:
    """One row an item: mark, item, order and name of its first row."""
    earliest = F.min(F.struct(_order().alias("order"), _named(rule, judging).alias("name"))).alias("earliest")
    found = (rows.where(F.col(f"{PLACE}.mark").isNotNull()).groupBy(F.col(f"{PLACE}.mark").alias("mark"))
             .agg(F.first(f"{PLACE}.item").alias("item"), earliest))
    return found.select("mark", "item", "earliest.order", "earliest.name")


def _settled(pairs: DataFrame, items: DataFrame, judging: Judging) -> DataFrame:
    """Which items go (`gone`), beside which that stays (`kept`), and how alike they are, in words (`how`).

    An item goes if one that stays is like it and before it. Those that nothing comes before stay; what is like them
    goes; without both, others have nothing before them; and so on until no pair is left.
    """
    rounds: list[DataFrame] = []
    while not pairs.isEmpty():
        stays = pairs.join(pairs.select(F.col("b").alias("a")).distinct(), "a", "left_anti")
        by_similarity = F.struct(-F.col("similarity"), "a_order", F.col("a").alias("kept"), "similarity")
        nearest = F.min(by_similarity).alias("nearest")
        gone = judging.persist(stays.groupBy("b").agg(nearest).select("b", "nearest.kept", "nearest.similarity"))
        rounds.append(gone)
        left = pairs.join(gone.select("b"), "b", "left_anti")
        pairs = judging.persist(left.join(gone.select(F.col("b").alias("a")), "a", "left_anti"))
    if not rounds:
        return items.sparkSession.createDataFrame([], "gone string, kept string, how string")
    settled = rounds[0]
    for more in rounds[1:]:
        settled = settled.union(more)
    names = items.select(F.col("mark").alias("kept"), "name")
    return settled.join(names, "kept").select(F.col("b").alias("gone"), F.col("name").alias("kept"),
                                              _said(F.col("similarity")).alias("how"))


def _said(alike: Column) -> Column:
    """A similarity is positive; a distance is told from it by its sign."""
    similarity = F.format_string(" (similarity %.2f)", alike)
    return F.when(alike > 0, similarity).otherwise(
        F.format_string(" (%d of 64 bits differ)", (-alike).cast("int")))


def _said_alike(rule: NearDuplicates) -> str:
    return " (0 of 64 bits differ)" if rule.kind == "image" else " (similarity 1.00)"
