"""Finds near duplicates of texts or images without comparing every pair.

    item_and_digest(F.col("body"), settings)                    # struct of item and digest; equal for equal items
    pairs, oversized = similar_pairs(items, settings, frames)   # items has the columns digest, item and order

Items are bucketed by locality-sensitive hashing: texts by bands of MinHash minima, images by parts of their
difference hash. Items that share a bucket are candidate pairs, and each candidate pair is then compared exactly. In a
bucket, each item is compared only with the first `BUCKET_LIMIT` items, so the number of pairs grows linearly with the
size of the bucket. Texts that are equal after normalisation, and images with the same hash, are a single item.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.near_duplicates import NearDuplicateSettings
from laketrain.spark.frames import on_batches
from laketrain.spark.minhash import band_hashes, bands_for, difference_hash, jaccard
from laketrain.spark.persistence import PersistedFrames

BUCKET_LIMIT = 50
"""Each item is compared with at most this many items of a bucket: the first ones."""


def item_and_digest(column: Column, settings: NearDuplicateSettings) -> Column:
    """The struct `item`, `digest` of each value: what is compared, and a text that is equal for equal items. Both are
    null where there is nothing to compare."""
    if settings.kind == "image":
        item = _image_hashes()(column)
        return F.struct(item.alias("item"), F.hex(item).alias("digest"))
    text = F.lower(F.trim(F.regexp_replace(column, r"[\s\p{Z}]+", " ")))
    item = F.when(text != "", text)
    return F.struct(item.alias("item"), F.md5(item).alias("digest"))


def similar_pairs(items: DataFrame, settings: NearDuplicateSettings, frames: PersistedFrames) -> tuple[DataFrame, int]:
    """Finds the pairs of similar items.

    Args:
        items: digest, item and order (of any sortable type), one row a digest.

    Returns:
        The pairs (a, b, a_order, similarity), where a comes before b in the order and a larger similarity is closer;
        and the number of buckets with more than `BUCKET_LIMIT` items, in which pairs may have been missed.
    """
    of_image = settings.kind == "image"
    buckets = _image_bands(settings.max_distance) if of_image else _text_bands(settings)(F.col("item"))
    bucket = Window.partitionBy("band", "bucket").orderBy("order")
    ranked = frames.persist(items.select("digest", "order", F.posexplode(buckets).alias("band", "bucket"))
                            .withColumn("rank", F.row_number().over(bucket)))
    oversized = ranked.where(F.col("rank") == BUCKET_LIMIT + 1).count()
    leaders = ranked.where(F.col("rank") <= BUCKET_LIMIT).select(
        "band", "bucket", F.col("rank").alias("leader_rank"), F.col("digest").alias("a"))
    candidates = (ranked.where(F.col("rank") > 1).join(leaders, ["band", "bucket"])
                  .where(F.col("leader_rank") < F.col("rank")).select("a", F.col("digest").alias("b")).distinct())
    left, right = (items.select(F.col("digest").alias(side), F.col("item").alias(f"{side}_item"),
                                F.col("order").alias(f"{side}_order")) for side in "ab")
    pairs = candidates.join(left, "a").join(right, "b")
    similarity = _similarity(settings)(F.col("a_item"), F.col("b_item"))
    least = -settings.max_distance if of_image else settings.min_similarity
    return pairs.select("a", "b", "a_order", similarity.alias("similarity")).where(
        F.col("similarity") >= least), oversized


def _text_bands(settings: NearDuplicateSettings) -> Callable[..., Column]:
    shingle, (bands, rows) = settings.shingle_length, bands_for(settings.min_similarity)

    def buckets_of(texts: pa.Array) -> pa.Array:
        return pa.array(list(band_hashes(texts.to_pylist(), shingle, bands, rows)), pa.list_(pa.int64()))

    return on_batches(buckets_of, "array<bigint>")


def _image_bands(distance: int) -> Column:
    """The 64 bits of a hash, cut into `distance + 1` parts: two hashes within that distance agree in at least one."""
    edges = [64 * part // (distance + 1) for part in range(distance + 2)]
    parts = [F.shiftrightunsigned("item", low).bitwiseAND(F.lit((1 << (high - low)) - 1 if high - low < 64 else -1))
             for low, high in pairwise(edges)]
    return F.array(*parts)


def _similarity(settings: NearDuplicateSettings) -> Callable[..., Column]:
    """For texts their Jaccard similarity, for images the number of bits that differ, negated."""
    if settings.kind == "image":
        return lambda a, b: -F.bit_count(a.bitwiseXOR(b)).cast("double")
    shingle = settings.shingle_length

    def similarities(left: pa.Array, right: pa.Array) -> pa.Array:
        pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
        return pa.array([jaccard(a, b, shingle) for a, b in pairs], pa.float64())

    return on_batches(similarities, "double")


def _image_hashes() -> Callable[..., Column]:
    def hashes(images: pa.Array) -> pa.Array:
        return pa.array([difference_hash(image) for image in images.to_pylist()], pa.int64())

    return on_batches(hashes, "bigint")
