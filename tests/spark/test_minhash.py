"""MinHash and difference hashes, without Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from laketrain.spark.minhash import band_hashes, bands_for, difference_hash, jaccard

from .similar import bits, changed, encoded, picture, sentence, similarity

if TYPE_CHECKING:
    pass


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=8), st.integers(2, 7))
def test_the_hashes_of_a_text_do_not_depend_on_other_texts(texts: list[str], shingle: int):
    batched = band_hashes(texts, shingle, 4, 3)
    alone = np.concatenate([band_hashes([text], shingle, 4, 3) for text in texts])
    assert (batched == alone).all()


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.integers(2, 6))
def test_jaccard_is_the_share_of_common_shingles(a: str, b: str, shingle: int):
    expected = len(shingles(a, shingle) & shingles(b, shingle)) / len(
        shingles(a, shingle) | shingles(b, shingle))
    assert jaccard(a, b, shingle) == expected
    assert jaccard(a, a, shingle) == 1


def shingles(text: str, shingle: int) -> set[str]:
    return {text} if len(text) < shingle else {
        "".join(part) for part in zip(*(text[start:] for start in range(shingle)), strict=False)}


def test_minima_agree_with_the_probability_of_the_similarity():
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


def test_a_pictures_hash_has_a_bit_where_it_brightens():
    grey = np.random.default_rng(3).permutation(72).reshape(8, 9).astype(np.uint8) * 3
    expected = "".join("1" if row[column + 1] > row[column] else "0" for row in grey for column in range(8))
    assert f"{bits(encoded(Image.fromarray(grey))):064b}" == expected


@pytest.mark.parametrize("content", [
    None, b"", b"no picture", encoded(picture(1))[:200], encoded(Image.new("RGB", (50, 50), "white")),
    encoded(Image.new("1", (9000, 9000)))], ids=["none", "empty", "text", "truncated", "plain", "huge"])
def test_an_invalid_or_plain_picture_has_no_hash(content: bytes | None):
    assert difference_hash(content) is None
