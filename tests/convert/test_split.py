"""A row's split and position follow from its key and the seed, by arithmetic that any language can repeat."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.convert.split import order_of, split_of, thresholds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEYS = [*(f"d{number:05d}" for number in range(400)), "", " ", "ü", "日本", "a'b", "null", None]
THREE = {"train": 0.8, "val": 0.1, "test": 0.1}


def position(key: str | None, seed: int) -> int:
    text = f"{seed}:split:{'null' if key is None else key}"
    return int.from_bytes(hashlib.md5(text.encode()).digest()[:4], "big")


def split_by_hand(key: str | None, fractions: dict[str, float], seed: int) -> int:
    ends, total = [], 0.0
    for part in list(fractions.values())[:-1]:
        total += part
        ends.append(round(total * 2**32))
    return bisect_right(ends, position(key, seed))


@pytest.mark.parametrize(("fractions", "seed"), [
    (THREE, 0), (THREE, 7), (THREE, -1), ({"train": 1.0}, 0), ({"train": 0.5, "test": 0.5}, 123456789),
    (dict.fromkeys(("train", "b", "c", "d", "e", "f", "g", "h", "i", "j"), 0.1), 3)])
def test_spark_computes_the_same_splits_as_hashlib(spark: SparkSession, fractions: dict[str, float], seed: int):
    frame = spark.createDataFrame([(key,) for key in KEYS], "`a.key` string")
    rows = frame.select("`a.key`", split_of("a.key", fractions, seed).alias("split"),
                        order_of("a.key", seed).alias("place")).collect()
    assert [row["split"] for row in rows] == [split_by_hand(row["a.key"], fractions, seed) for row in rows]
    assert [row["place"] for row in rows] == [
        hashlib.md5(f"{seed}:order:{'null' if row['a.key'] is None else row['a.key']}".encode()).hexdigest()
        for row in rows]


def test_a_number_is_hashed_as_its_text(spark: SparkSession):
    rows = spark.range(50).select("id", split_of("id", THREE, 0).alias("split")).collect()
    assert [row["split"] for row in rows] == [split_by_hand(str(row["id"]), THREE, 0) for row in rows]


@given(parts=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=12))
def test_thresholds_rise_and_cover_everything(parts: list[float]):
    total = sum(parts)
    ends = thresholds({str(number): part / total for number, part in enumerate(parts)})
    assert ends == sorted(ends)
    assert (len(ends), ends[-1]) == (len(parts), 2**32)
    shares = [(end - start) / 2**32 for start, end in zip([0, *ends], ends, strict=False)]
    assert shares == pytest.approx([part / total for part in parts], abs=1e-9)


def test_splits_have_their_fractions_and_another_seed_draws_others():
    keys = [f"key {number}" for number in range(20_000)]
    drawn = [split_by_hand(key, THREE, 0) for key in keys]
    assert [drawn.count(split) / len(keys) for split in range(3)] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    moved = sum(value != split_by_hand(key, THREE, 1) for key, value in zip(keys, drawn, strict=True))
    assert moved / len(keys) == pytest.approx(1 - 0.8**2 - 0.1**2 - 0.1**2, abs=0.02)
