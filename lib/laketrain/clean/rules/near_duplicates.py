"""The rule that rejects near duplicates of other rows, found by `laketrain.spark.near_duplicates`."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import TEMPORARY, good, reject
from laketrain.clean.rules.context import RuleContext
from laketrain.clean.rules.keys import describe_key
from laketrain.config.clean import NearDuplicates
from laketrain.spark import near_duplicates as search
from laketrain.spark.frames import quoted
from laketrain.spark.near_duplicates import item_and_digest, similar_pairs

_OTHER = "_order"
"""A second column that the rule adds and drops; a reserved name as well."""


def near_duplicates(frame: DataFrame, rule: NearDuplicates, context: RuleContext) -> DataFrame:
    """Rejects all but the first of similar rows. No two kept rows of a bucket are similar; a rejected row is similar to
    the kept row that its reason names."""
    frame = context.checkpoint(frame.withColumn(TEMPORARY, item_and_digest(F.col(quoted(rule.column)), rule)))
    items, name = context.persist(_items(good(frame), rule, context)), f"near_duplicates({rule.column})"
    pairs, oversized = similar_pairs(items, rule, context)
    context.fitted.append({"rule": name, "buckets_over_limit": oversized, "limit": search.BUCKET_LIMIT})
    duplicates = context.persist(_resolve(context.persist(pairs), items, context))
    same = (Window.partitionBy(F.col(f"{TEMPORARY}.digest"), F.col(REJECT).isNull(),
                               F.when(F.col(f"{TEMPORARY}.digest").isNull(), F.xxhash64(RECORD)))
            .orderBy(_order()))
    frame = frame.withColumn(_OTHER, F.struct(F.row_number().over(same).alias("number"),
                                              F.first(_named(rule, context)).over(same).alias("first")))
    repeated = F.col(f"{TEMPORARY}.digest").isNotNull() & (F.col(f"{_OTHER}.number") > 1)
    repeated_reason = F.concat(F.lit("is like "), F.col(f"{_OTHER}.first"), F.lit(_describe_equal(rule)))
    frame = frame.withColumn(TEMPORARY, F.struct(F.col(f"{TEMPORARY}.digest"), repeated.alias("repeated"),
                                                 repeated_reason.alias("reason")))
    frame = frame.drop(_OTHER)
    packed = duplicates.select(F.struct("*").alias(_OTHER))
    frame = frame.join(packed, F.col(f"{TEMPORARY}.digest") == F.col(f"{_OTHER}.rejected"), "left")
    similar_reason = F.concat(F.lit("is like "), F.col(f"{_OTHER}.kept"), F.col(f"{_OTHER}.how"))
    frame = reject(frame, name, F.col(f"{_OTHER}.rejected").isNotNull(), similar_reason)
    return reject(frame, name, F.col(f"{TEMPORARY}.repeated"), F.col(f"{TEMPORARY}.reason")).drop(TEMPORARY, _OTHER)


def _order() -> Column:
    """The order of rows: by file, then by the start of the record, then by all of it."""
    return F.struct(F.col(FILE).alias("file"), F.substring(RECORD, 1, 50).alias("begin"), F.md5(RECORD).alias("record"))


def _named(rule: NearDuplicates, context: RuleContext) -> Column:
    if rule.key:
        return F.concat(F.lit("the row with "), describe_key(rule.key))
    return F.concat(F.lit("a row of "), context.file)


def _items(rows: DataFrame, rule: NearDuplicates, context: RuleContext) -> DataFrame:
    """One row per item: digest, item, and the order and name of its first row."""
    earliest = F.min(F.struct(_order().alias("order"), _named(rule, context).alias("name"))).alias("earliest")
    items = (rows.where(F.col(f"{TEMPORARY}.digest").isNotNull()).groupBy(F.col(f"{TEMPORARY}.digest").alias("digest"))
             .agg(F.first(f"{TEMPORARY}.item").alias("item"), earliest))
    return items.select("digest", "item", "earliest.order", "earliest.name")


def _resolve(pairs: DataFrame, items: DataFrame, context: RuleContext) -> DataFrame:
    """The rejected items (`rejected`), the kept item that each is similar to (`kept`), and the similarity (`how`).

    An item is rejected if an earlier kept item is similar. Each round keeps the items without an earlier similar one,
    rejects those similar to them, and removes both, until no pair is left.
    """
    rounds: list[DataFrame] = []
    while not pairs.isEmpty():
        stays = pairs.join(pairs.select(F.col("b").alias("a")).distinct(), "a", "left_anti")
        by_similarity = F.struct(-F.col("similarity"), "a_order", F.col("a").alias("kept"), "similarity")
        nearest = F.min(by_similarity).alias("nearest")
        rejected = context.persist(stays.groupBy("b").agg(nearest).select("b", "nearest.kept", "nearest.similarity"))
        rounds.append(rejected)
        left = pairs.join(rejected.select("b"), "b", "left_anti")
        pairs = context.persist(left.join(rejected.select(F.col("b").alias("a")), "a", "left_anti"))
    if not rounds:
        return items.sparkSession.createDataFrame([], "rejected string, kept string, how string")
    union = rounds[0]
    for other in rounds[1:]:
        union = union.union(other)
    names = items.select(F.col("digest").alias("kept"), "name")
    return union.join(names, "kept").select(F.col("b").alias("rejected"), F.col("name").alias("kept"),
                                            _describe(F.col("similarity")).alias("how"))


def _describe(similarity: Column) -> Column:
    """A similarity for messages. Negative values are distances in bits."""
    return F.when(similarity > 0, F.format_string(" (similarity %.2f)", similarity)).otherwise(
        F.format_string(" (%d of 64 bits differ)", (-similarity).cast("int")))


def _describe_equal(rule: NearDuplicates) -> str:
    return " (0 of 64 bits differ)" if rule.kind == "image" else " (similarity 1.00)"
