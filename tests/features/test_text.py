"""Texts and categories as numbers: fitted to the train split, equal for any partitioning, and the same in predict."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import FeatureSet

from .fitting import fitted, parse

TRAIN = pa.array(["the cat sat", "The CAT ran!", "a dog, the dog's", "the end"])
LETTERS = st.lists(st.text(alphabet="abc d", max_size=12), min_size=1, max_size=12)


def test_the_vocabulary_is_ordered_by_frequency_then_by_code_points() -> None:
    feature = fitted(parse(kind="text", length=4, minimum_count=1), TRAIN)
    counts = Counter(["the", "cat", "sat", "the", "cat", "ran", "a", "dog", "the", "dog's", "the", "end"])
    assert list(feature.learnt_vocabulary) == sorted(counts, key=lambda word: (-counts[word], word))
    assert feature.count == len(counts) + 2
    few = fitted(parse(kind="text", length=4, minimum_count=2), TRAIN)
    assert few.learnt_vocabulary == ("the", "cat")


def test_ids_are_padded_truncated_and_unknown_for_new_words() -> None:
    column = pa.array(["the cat", "cat zebra the cat the", "zebra"])
    feature = fitted(parse(kind="text", length=4), TRAIN)
    assert feature.tensor(column).tolist() == [[2, 3, 0, 0], [3, 1, 2, 3], [1, 0, 0, 0]]
    start = fitted(parse(kind="text", length=4, truncate="start"), TRAIN)
    assert start.tensor(column)[1].tolist() == [1, 2, 3, 2]


def test_a_text_without_tokens_is_refused_unless_it_may_be_empty() -> None:
    column = pa.array(["cat", "...", "", None])
    assert parse(kind="text", length=4).check(column).to_pylist() == [None, "has no tokens", "has no tokens", "is null"]
    assert parse(kind="text", length=4, empty="keep").check(column).to_pylist() == [None, None, None, "is null"]
    with pytest.raises(DataError, match="got a column of int64, expected text"):
        parse(kind="text", length=4).check(pa.array([1]))


def test_stop_words_are_left_out_by_language_or_by_list() -> None:
    column = pa.array(["the cat and the dog"])
    for stops, left in (("en", {"cat", "dog"}), (["cat"], {"the", "and", "dog"})):
        assert set(parse(kind="text", length=4, stop_words=stops).tally(column)) == left
    with pytest.raises(ValidationError, match="no list of stop words for 'english'"):
        parse(kind="text", length=4, stop_words="english")
    with pytest.raises(ValidationError, match="stop words are words"):
        parse(kind="text", length=4, stop_words="en", tokens="bpe")


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
@given(texts=LETTERS)
def test_a_row_is_in_the_first_bucket_that_fits(tokens: str, texts: list[str]) -> None:
    train = pa.array(["abc d ab abc", "d a b c abcd"] * 3)
    feature = fitted(parse(kind="text", tokens=tokens, buckets=[2, 5, 9], minimum_count=1, empty="keep"), train)
    column = pa.array(texts)
    whole, buckets = feature.tensor(column), feature.bucket_of(column)
    assert whole.shape == (len(texts), 9)
    assert feature.storage("x").shape == (None,)
    stored = feature.encode(column)
    for bucket in set(buckets.tolist()):
        indices = np.flatnonzero(buckets == bucket)
        alone = feature.for_bucket(bucket)
        part = alone.decode(stored.take(pa.array(indices)))
        assert part.shape == (len(indices), feature.buckets[bucket])
        assert (whole[indices][:, : part.shape[1]] == part).all()
        assert not whole[indices][:, part.shape[1]:].any()
        if bucket:
            assert ((part != 0).sum(axis=1) > feature.buckets[bucket - 1]).all()


# ---- all


ALL: dict[str, tuple[dict[str, Any], pa.Array]] = {
    "words": ({"kind": "text", "length": 3, "minimum_count": 1}, TRAIN),
    "characters": ({"kind": "text", "tokens": "characters", "buckets": [4, 16]}, TRAIN),
    "bpe": ({"kind": "text", "tokens": "bpe", "vocabulary": 20, "buckets": [4, 9]}, TRAIN),
    "category": ({"kind": "category"}, pa.array(["x", "y", "x", "z"])),
    "numbers": ({"kind": "category", "hashed": 9}, pa.array([3, 1, 3, 2])),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_fitting_does_not_depend_on_the_partitioning_also_after_json(name: str, at: int) -> None:
    settings, column = ALL[name]
    whole, parts = (fitted(parse(**settings), *columns) for columns in (
        [column], [column.slice(at), column.slice(0, at)]))
    assert whole == parts
    saved = FeatureSet.from_json(json.dumps(json.loads(FeatureSet.of({"x": whole}).to_json())))["x"]
    apart = np.concatenate([saved.tensor(column.slice(0, at)), saved.tensor(column.slice(at))])
    assert whole.tensor(column).tobytes() == apart.tobytes()
