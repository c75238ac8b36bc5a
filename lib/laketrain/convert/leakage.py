"""Leakage between splits: values that are in two of them, so that metrics on the second are too good.

    leaks = find_leaks(rows, ["patient"], inputs=["scan"], names=("train", "val", "test"))
    leaks = find_near_duplicate_leaks(rows, settings, names=("train", "val", "test"))
    leaks[0].message      # "'patient' leaks between train and test: 3 values, e.g. p-17"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.config.near_duplicates import NearDuplicateSettings
from laketrain.spark.frames import SPLIT, quoted
from laketrain.spark.near_duplicates import item_and_digest, similar_pairs
from laketrain.spark.persistence import PersistedFrames

DUPLICATES = "the inputs"


@dataclass(frozen=True)
class Leak:
    """The values of a column, or the different inputs, that two splits share: how many, and an example."""

    what: str
    between: tuple[str, str]
    count: int
    example: str = ""

    @property
    def message(self) -> str:
        """The leak in words."""
        example = f", e.g. {self.example}" if self.example else ""
        values = f"{self.count} value{'' if self.count == 1 else 's'}"
        leaks = "leak" if self.what == DUPLICATES else "leaks"
        return f"{self.what} {leaks} between {self.between[0]} and {self.between[1]}: {values}{example}"


def find_leaks(rows: DataFrame, keys: Iterable[str], inputs: Sequence[str], names: Sequence[str]) -> list[Leak]:
    """Every pair of splits that share a value of a key or, with `inputs`, rows that are equal in all of them.

    Args:
        rows: with the column SPLIT. names: of the splits, by that index.
    """
    assigned = rows.where(F.col(SPLIT) >= 0)
    leaks = [leak for key in keys for leak in _shared(
        assigned.select(F.col(quoted(key)).cast("string").alias("value"), SPLIT), repr(key), names)]
    if inputs:
        # Two 64-bit hashes: different rows don't collide in any data of a real size.
        columns = [F.col(quoted(column)) for column in inputs]
        content = F.concat(F.hex(F.xxhash64(*columns)), F.hex(F.xxhash64(F.lit(1), *columns)))
        leaks += [Leak(leak.what, leak.between, leak.count)
                  for leak in _shared(assigned.select(content.alias("value"), SPLIT), DUPLICATES, names)]
    return leaks


def find_near_duplicate_leaks(rows: DataFrame, settings: NearDuplicateSettings, names: Sequence[str]) -> list[Leak]:
    """Every pair of splits with near-duplicate texts or images, and how many of the second's are. Only items that share
    a bucket are compared (see `laketrain.spark.near_duplicates`), so there may be more."""
    compared = item_and_digest(F.col(quoted(settings.column)), settings)
    assigned = rows.where(F.col(SPLIT) >= 0).select(compared.alias("compared"), SPLIT)
    with PersistedFrames() as frames:
        by_digest = assigned.where("compared.digest IS NOT NULL").groupBy(F.col("compared.digest").alias("digest"))
        items = frames.persist(by_digest.agg(
            F.first("compared.item").alias("item"), F.array_sort(F.collect_set(SPLIT)).alias("splits"))
            .withColumn("order", F.col("digest")))
        pairs, _ = similar_pairs(items, settings, frames)
        left, right = (items.select(F.col("digest").alias(side), F.explode("splits").alias(f"split_{side}"))
                      for side in "ab")
        near = pairs.select("a", "b").join(left, "a").join(right, "b")
        equal = left.join(right, F.col("a") == F.col("b"))
        columns = ("a", "b", "split_a", "split_b")
        both = near.select(*columns).union(near.select("b", "a", "split_b", "split_a")).union(equal.select(*columns))
        counts = (both.where("split_a < split_b").groupBy("split_a", "split_b")
                   .agg(F.countDistinct("b").alias("count")).orderBy("split_a", "split_b"))
        return [Leak(f"nearly the same {settings.column!r}", (names[row["split_a"]], names[row["split_b"]]),
                     row["count"]) for row in counts.collect()]


def _shared(values: DataFrame, what: str, names: Sequence[str]) -> list[Leak]:
    sets = values.where("value IS NOT NULL").groupBy("value").agg(F.collect_set(SPLIT).alias("splits"))
    leaked = sets.where(F.size("splits") > 1)
    pairs = leaked.select("value", F.explode("splits").alias("split_a"), "splits").select(
        "value", "split_a", F.explode("splits").alias("split_b")).where("split_a < split_b")
    counts = pairs.groupBy("split_a", "split_b").agg(F.count(F.lit(1)).alias("count"), F.min("value").alias("example"))
    return [Leak(what, (names[row["split_a"]], names[row["split_b"]]), row["count"], row["example"])
            for row in counts.orderBy("split_a", "split_b").collect()]
