"""What is in two splits at once, and so would flatter every figure that a model gets on the second.

    found = leaks_of(rows, ["patient"], inputs=["scan"], names=("train", "val", "test"))
    found = near_leaks_of(rows, likeness, names=("train", "val", "test"))
    found[0].said         # "'patient' leaks between train and test: 3 values, e.g. p-17"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.config.likeness import Likeness
from laketrain.spark.frames import SPLIT, quoted
from laketrain.spark.near_duplicates import item_and_mark, similar_pairs
from laketrain.spark.persistence import PersistedFrames

DUPLICATES = "the inputs"


@dataclass(frozen=True)
class Leak:
    """What is shared by two splits: how many values of a column, or how many different inputs, and one of them."""

    what: str
    between: tuple[str, str]
    count: int
    example: str = ""

    @property
    def said(self) -> str:
        """For people."""
        some = f", e.g. {self.example}" if self.example else ""
        values = f"{self.count} value{'' if self.count == 1 else 's'}"
        leaks = "leak" if self.what == DUPLICATES else "leaks"
        return f"{self.what} {leaks} between {self.between[0]} and {self.between[1]}: {values}{some}"


def leaks_of(rows: DataFrame, keys: Iterable[str], inputs: Sequence[str], names: Sequence[str]) -> list[Leak]:
    """Every pair of splits that share a value of a key; with `inputs`, also those that share rows alike in all of them.

    Args:
        rows: with the column SPLIT. names: of the splits, by that index.
    """
    placed = rows.where(F.col(SPLIT) >= 0)
    found = [leak for key in keys for leak in _shared(
        placed.select(F.col(quoted(key)).cast("string").alias("value"), SPLIT), repr(key), names)]
    if inputs:
        # Two 64-bit hashes: rows that differ don't meet by chance in any data there is.
        columns = [F.col(quoted(column)) for column in inputs]
        content = F.concat(F.hex(F.xxhash64(*columns)), F.hex(F.xxhash64(F.lit(1), *columns)))
        found += [Leak(leak.what, leak.between, leak.count)
                  for leak in _shared(placed.select(content.alias("value"), SPLIT), DUPLICATES, names)]
    return found


def near_leaks_of(rows: DataFrame, likeness: Likeness, names: Sequence[str]) -> list[Leak]:
    """Every pair of splits with texts or pictures that are almost the same, and how many of the second's are: of those
    that share a bucket (see `laketrain.spark.near_duplicates`), so there may be more."""
    compared = item_and_mark(F.col(quoted(likeness.column)), likeness)
    placed = rows.where(F.col(SPLIT) >= 0).select(compared.alias("compared"), SPLIT)
    with PersistedFrames() as frames:
        marked = placed.where("compared.mark IS NOT NULL").groupBy(F.col("compared.mark").alias("mark"))
        items = frames.persist(marked.agg(
            F.first("compared.item").alias("item"), F.array_sort(F.collect_set(SPLIT)).alias("splits"))
            .withColumn("order", F.col("mark")))
        pairs, _ = similar_pairs(items, likeness, frames)
        one, other = (items.select(F.col("mark").alias(side), F.explode("splits").alias(f"split_{side}"))
                      for side in "ab")
        met = pairs.select("a", "b").join(one, "a").join(other, "b")
        same = one.join(other, F.col("a") == F.col("b"))
        columns = ("a", "b", "split_a", "split_b")
        torn = met.select(*columns).union(met.select("b", "a", "split_b", "split_a")).union(same.select(*columns))
        counted = (torn.where("split_a < split_b").groupBy("split_a", "split_b")
                   .agg(F.countDistinct("b").alias("count")).orderBy("split_a", "split_b"))
        return [Leak(f"nearly the same {likeness.column!r}", (names[row["split_a"]], names[row["split_b"]]),
                     row["count"]) for row in counted.collect()]


def _shared(values: DataFrame, what: str, names: Sequence[str]) -> list[Leak]:
    sets = values.where("value IS NOT NULL").groupBy("value").agg(F.collect_set(SPLIT).alias("splits"))
    torn = sets.where(F.size("splits") > 1)
    pairs = torn.select("value", F.explode("splits").alias("one"), "splits").select(
        "value", "one", F.explode("splits").alias("other")).where("one < other")
    counted = pairs.groupBy("one", "other").agg(F.count(F.lit(1)).alias("count"), F.min("value").alias("example"))
    return [Leak(what, (names[row["one"]], names[row["other"]]), row["count"], row["example"])
            for row in counted.orderBy("one", "other").collect()]
