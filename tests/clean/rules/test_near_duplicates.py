"""Near duplicates are detected without comparing all pairs, with the same result as if all were compared."""

from __future__ import annotations

import random
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from laketrain.clean.rules.context import RuleContext
from laketrain.spark import near_duplicates

from ...spark.similar import bits, changed, encoded, picture, sentence, similarity
from .cases import judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def greedy(texts: list[str], least: float) -> dict[int, int]:
    """Compares all pairs: maps each dropped row to the most similar kept row before it."""
    kept: list[int] = []
    dropped = {}
    for number, text in enumerate(texts):
        duplicates = [(-similarity(texts[other], text), other) for other in kept]
        if duplicates and -min(duplicates)[0] >= least:
            dropped[number] = min(duplicates)[1]
        else:
            kept.append(number)
    return dropped


def dirty_texts() -> list[str]:
    texts = []
    for seed in range(25):
        text = sentence(seed)
        texts += [text, changed(text, seed), changed(text, seed + 100, 3), changed(text, seed + 200, 12)]
    texts += [texts[0].upper(), f"  {texts[4]} ", texts[8].replace(" ", "\t\n"), "short", "short", "shor"]
    # A chain: each is similar to the next, and the last isn't similar to the first.
    for step in range(6):
        texts.append(changed(texts[-1] if step else sentence(999), 999 + step, 2))
    return texts


@pytest.mark.parametrize("order", ["as it is", "shuffled"])
def test_the_first_of_similar_texts_is_kept_as_if_all_pairs_were_compared(spark: SparkSession, order: str):
    texts = dirty_texts()
    rows = [(f"{number:03d}", text) for number, text in enumerate(texts)]
    if order == "shuffled":
        random.Random(1).shuffle(rows)
    judged = judge(spark, [{"near_duplicates": {"column": "x", "key": ["id"]}}], rows, "id string, x string",
                   [f"{key}.csv" for key, _ in rows])
    expected = greedy(texts, 0.8)
    reasons = {int(row["id"]): row["reason"] for row in judged if row["rule"]}
    assert reasons == {
        number: f"is like the row with id = {kept:03d} (similarity {similarity(texts[kept], texts[number]):.2f})"
        for number, kept in expected.items()}
    assert len(expected) > 30


def test_rows_without_a_text_and_rejected_rows_are_not_duplicates(spark: SparkSession):
    rules = [{"range": {"column": "n", "min": 0}}, {"near_duplicates": {"column": "x"}}]
    text = sentence(1)
    rows = judge(spark, rules, [(-1, text), (1, text), (2, None), (3, None), (4, ""), (5, "  "), (6, text)],
                 "n int, x string")
    assert [row["rule"] for row in rows] == ["range(n)", None, None, None, None, None, "near_duplicates(x)"]
    assert rows[-1]["reason"] == "is like a row of a.csv (similarity 1.00)"


def test_a_repeated_row_is_kept_once(spark: SparkSession):
    rows = judge(spark, [{"near_duplicates": {"column": "x"}}], [("a text",)] * 3, "x string")
    assert [row["rule"] for row in rows].count(None) == 1


def test_an_empty_table_has_no_near_duplicates(spark: SparkSession):
    assert judge(spark, [{"near_duplicates": {"column": "x"}}], [], "x string") == []


def test_in_a_crowded_bucket_rows_are_compared_only_with_the_first(
        spark: SparkSession, monkeypatch: pytest.MonkeyPatch):
    """Each of 40 texts by one template is compared with the first, and the version records crowded buckets."""
    monkeypatch.setattr(near_duplicates, "BUCKET_LIMIT", 3)
    template = sentence(5, 60)
    rows = [(f"{number:02d}", f"{template} {number}") for number in range(40)]
    context = RuleContext()
    judged = judge(spark, [{"near_duplicates": {"column": "x", "key": ["id"]}}], rows, "id string, x string",
                   context=context)
    assert [row["rule"] for row in judged] == [None] + ["near_duplicates(x)"] * 39
    assert {row["reason"][:27] for row in judged[1:]} == {"is like the row with id = 0"}
    [fitted] = context.fitted
    assert fitted["buckets_over_limit"] > 0
    assert fitted["limit"] == 3


def test_scaled_and_compressed_images_are_near_duplicates_and_others_are_not(spark: SparkSession):
    images = [encoded(picture(seed)) for seed in range(12)]
    again = [encoded(picture(seed).resize((320, 240)), "JPEG", quality=60) for seed in range(6)]
    assert max((bits(image) ^ bits(other)).bit_count() for image, other in zip(images, again, strict=False)) <= 4
    assert min((bits(image) ^ bits(other)).bit_count() for image, other in combinations(images, 2)) > 4
    rows = [(number, content) for number, content in enumerate([*images, *again, images[3]])]
    judged = judge(spark, [{"near_duplicates": {"column": "x", "kind": "image", "key": ["id"]}}], rows,
                   "id int, x binary", [f"{number:02d}" for number, _ in rows])
    assert [row["id"] for row in judged if row["rule"] is None] == list(range(12))
    for number, row in enumerate(judged[12:18]):
        differ = (bits(images[number]) ^ bits(again[number])).bit_count()
        assert row["reason"] == f"is like the row with id = {number} ({differ} of 64 bits differ)"
    assert judged[18]["reason"] == "is like the row with id = 3 (0 of 64 bits differ)"
