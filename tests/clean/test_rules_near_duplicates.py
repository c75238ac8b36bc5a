"""Rows that are almost the same as another, found without comparing all with all, and judged as if all had been."""

from __future__ import annotations

import io
import random
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from laketrain.clean.rules.judging import Judging
from laketrain.spark import near_duplicates
from laketrain.spark.minhash import band_hashes, bands_for, difference_hash, jaccard

from .rules import judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORDS = ("lake", "train", "spark", "rank", "lane", "row", "split", "dirty", "batch", "epoch", "model", "loss", "table",
         "file", "commit", "draft", "gate", "zone", "font", "text", "image", "sound", "window")


def sentence(seed: int, words: int = 30) -> str:
    choice = random.Random(seed)
    return " ".join(f"{choice.choice(WORDS)}{choice.randrange(100)}" for _ in range(words))


def changed(text: str, seed: int, words: int = 1) -> str:
    choice, parts = random.Random(seed), text.split()
    for _ in range(words):
        parts[choice.randrange(len(parts))] = f"new{choice.randrange(10**6)}"
    return " ".join(parts)


def runs(text: str, shingle: int) -> set[str]:
    text = " ".join(text.lower().split())
    return {text[start:start + shingle] for start in range(max(1, len(text) - shingle + 1))}


def similarity(one: str, other: str, shingle: int = 5) -> float:
    ours, theirs = runs(one, shingle), runs(other, shingle)
    return len(ours & theirs) / len(ours | theirs)


def greedy(texts: list[str], least: float) -> dict[int, int]:
    """Row by row, as a person would: gone row to the most similar of those that stay before it. All with all."""
    kept: list[int] = []
    gone = {}
    for number, text in enumerate(texts):
        alike = [(-similarity(texts[other], text), other) for other in kept]
        if alike and -min(alike)[0] >= least:
            gone[number] = min(alike)[1]
        else:
            kept.append(number)
    return gone


def dirty_texts() -> list[str]:
    texts = []
    for seed in range(25):
        text = sentence(seed)
        texts += [text, changed(text, seed), changed(text, seed + 100, 3), changed(text, seed + 200, 12)]
    texts += [texts[0].upper(), f"  {texts[4]} ", texts[8].replace(" ", "\t\n"), "short", "short", "shor"]
    # A chain: each is like the next, and the last not like the first.
    for step in range(6):
        texts.append(changed(texts[-1] if step else sentence(999), 999 + step, 2))
    return texts


@pytest.mark.parametrize("order", ["as it is", "shuffled"])
def test_the_first_of_texts_that_are_alike_stays_as_if_all_were_compared(spark: SparkSession, order: str):
    texts = dirty_texts()
    rows = [(f"{number:03d}", text) for number, text in enumerate(texts)]
    if order == "shuffled":
        random.Random(1).shuffle(rows)
    found = judge(spark, [{"near_duplicates": {"column": "x", "key": ["id"]}}], rows, "id string, x string",
                  [f"{key}.csv" for key, _ in rows])
    expected = greedy(texts, 0.8)
    reasons = {int(row["id"]): row["reason"] for row in found if row["rule"]}
    assert reasons == {
        number: f"is like the row with id = {kept:03d} (similarity {similarity(texts[kept], texts[number]):.2f})"
        for number, kept in expected.items()}
    assert len(expected) > 30


def test_rows_without_a_text_and_rejected_ones_take_no_others_place(spark: SparkSession):
    rules = [{"range": {"column": "n", "min": 0}}, {"near_duplicates": {"column": "x"}}]
    text = sentence(1)
    found = judge(spark, rules, [(-1, text), (1, text), (2, None), (3, None), (4, ""), (5, "  "), (6, text)],
                  "n int, x string")
    assert [row["rule"] for row in found] == ["range(n)", None, None, None, None, None, "near_duplicates(x)"]
    assert found[-1]["reason"] == "is like a row of a.csv (similarity 1.00)"


def test_the_same_row_twice_stays_once(spark: SparkSession):
    found = judge(spark, [{"near_duplicates": {"column": "x"}}], [("a text",)] * 3, "x string")
    assert [row["rule"] for row in found].count(None) == 1


def test_nothing_is_alike_in_an_empty_table(spark: SparkSession):
    assert judge(spark, [{"near_duplicates": {"column": "x"}}], [], "x string") == []


def test_in_a_crowded_bucket_rows_meet_only_the_first(spark: SparkSession, monkeypatch: pytest.MonkeyPatch):
    """Of 40 texts by one template each still finds the first; and the version says that buckets were crowded."""
    monkeypatch.setattr(near_duplicates, "BUCKET_LIMIT", 3)
    template = sentence(5, 60)
    rows = [(f"{number:02d}", f"{template} {number}") for number in range(40)]
    judging = Judging()
    found = judge(spark, [{"near_duplicates": {"column": "x", "key": ["id"]}}], rows, "id string, x string",
                  judging=judging)
    assert [row["rule"] for row in found] == [None] + ["near_duplicates(x)"] * 39
    assert {row["reason"][:27] for row in found[1:]} == {"is like the row with id = 0"}
    [said] = judging.fitted
    assert said["buckets_over_limit"] > 0
    assert said["limit"] == 3


# ---- the arithmetic


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=8), st.integers(2, 7))
def test_a_texts_hashes_do_not_depend_on_the_texts_beside_it(texts: list[str], shingle: int):
    together = band_hashes(texts, shingle, 4, 3)
    alone = np.concatenate([band_hashes([text], shingle, 4, 3) for text in texts])
    assert (together == alone).all()


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.integers(2, 6))
def test_similarity_is_the_share_of_common_runs(one: str, other: str, shingle: int):
    expected = len(raw_runs(one, shingle) & raw_runs(other, shingle)) / len(
        raw_runs(one, shingle) | raw_runs(other, shingle))
    assert jaccard(one, other, shingle) == expected
    assert jaccard(one, one, shingle) == 1


def raw_runs(text: str, shingle: int) -> set[str]:
    return {text} if len(text) < shingle else {
        "".join(part) for part in zip(*(text[start:] for start in range(shingle)), strict=False)}


def test_minima_agree_as_often_as_texts_are_alike():
    pairs = [(sentence(seed, 60), changed(sentence(seed, 60), seed, count))
             for seed in range(60) for count in (1, 5, 15)]
    one, other = (band_hashes([pair[side] for pair in pairs], 5, 128, 1) for side in (0, 1))
    error = (one == other).mean(axis=1) - np.array([similarity(*pair) for pair in pairs])
    assert abs(error.mean()) < 0.01
    assert error.std() < 1.2 * np.sqrt(0.25 / 128)


@pytest.mark.parametrize("least", [0.3, 0.5, 0.8, 0.9, 1.0])
def test_bands_find_a_pair_99_times_in_100(least: float):
    bands, rows = bands_for(least)
    assert bands * rows <= 128
    assert 1 - (1 - least**rows) ** bands >= 0.99


# ---- pictures


def picture(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    blobs = np.random.default_rng(seed).integers(0, 255, (6, 7, 3), np.uint8)
    return Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def bits(content: bytes) -> int:
    hashed = difference_hash(content)
    assert hashed is not None
    return hashed & (2**64 - 1)


def test_a_pictures_hash_has_a_bit_where_it_brightens():
    grey = np.random.default_rng(3).permutation(72).reshape(8, 9).astype(np.uint8) * 3
    expected = "".join("1" if row[column + 1] > row[column] else "0" for row in grey for column in range(8))
    assert f"{bits(encoded(Image.fromarray(grey))):064b}" == expected


def test_pictures_that_were_scaled_or_compressed_are_alike_and_others_are_not(spark: SparkSession):
    images = [encoded(picture(seed)) for seed in range(12)]
    again = [encoded(picture(seed).resize((320, 240)), "JPEG", quality=60) for seed in range(6)]
    assert max((bits(one) ^ bits(other)).bit_count() for one, other in zip(images, again, strict=False)) <= 4
    assert min((bits(one) ^ bits(other)).bit_count() for one, other in combinations(images, 2)) > 4
    rows = [(number, content) for number, content in enumerate([*images, *again, images[3]])]
    found = judge(spark, [{"near_duplicates": {"column": "x", "kind": "image", "key": ["id"]}}], rows,
                  "id int, x binary", [f"{number:02d}" for number, _ in rows])
    assert [row["id"] for row in found if row["rule"] is None] == list(range(12))
    for number, row in enumerate(found[12:18]):
        differ = (bits(images[number]) ^ bits(again[number])).bit_count()
        assert row["reason"] == f"is like the row with id = {number} ({differ} of 64 bits differ)"
    assert found[18]["reason"] == "is like the row with id = 3 (0 of 64 bits differ)"


@pytest.mark.parametrize("content", [
    None, b"", b"no picture", encoded(picture(1))[:200], encoded(Image.new("RGB", (50, 50), "white")),
    encoded(Image.new("1", (9000, 9000)))], ids=["none", "empty", "text", "truncated", "plain", "huge"])
def test_what_is_no_picture_or_a_plain_one_is_like_nothing(content: bytes | None):
    assert difference_hash(content) is None
