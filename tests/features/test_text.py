"""Texts and categories as numbers: fitted to the train split, equal for any partitioning, and the same in predict."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.features.tally import Tally, merge
from laketrain.features.tokens import Bpe, learn_merges, tokenize

TRAIN = pa.array(["the cat sat", "The CAT ran!", "a dog, the dog's", "the end"])
LETTERS = st.lists(st.text(alphabet="abc d", max_size=12), min_size=1, max_size=12)


def parse(**settings: Any) -> Any:
    return FeatureSet.model_validate({"x": {"column": "x", **settings}})["x"]


def fitted(feature: Any, *columns: pa.Array) -> Any:
    totals: Tally = {}
    for column in columns:
        merge(totals, feature.tally(column))
    return feature.fit(totals)


# ---- tokens


@pytest.mark.parametrize(("text", "words"), [
    ("Don’t stop -- it's 3.5 km/h", ["don't", "stop", "it's", "3", "5", "km", "h"]), ("", []), ("  \n\t ", []),
    ("naïve café", ["naïve", "café"]), ("ﬁne Ⅷ", ["fine", "viii"]), ("我爱北京天安门", ["我", "爱", "北京", "天安门"]),
    ("x我爱y", ["x", "我", "爱", "y"])])
def test_words_are_runs_of_letters_and_chinese_is_segmented(text: str, words: list[str]) -> None:
    tokens = tokenize(pa.array([text]), "words", lower=True, unicode="NFKC")
    assert [tokens.vocabulary[index] for index in tokens.indices] == words


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S"]), max_size=30), st.sampled_from(["NFC", "NFKD"]))
def test_characters_are_those_of_pythons_normal_form(text: str, form: Any) -> None:
    tokens = tokenize(pa.array([text]), "characters", lower=False, unicode=form)
    expected = " ".join(unicodedata.normalize(form, text).split())  # a few symbols become spaces
    assert "".join(tokens.vocabulary[index] for index in tokens.indices) == expected


# ---- text


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


@given(words=st.dictionaries(st.text("abcd", min_size=1, max_size=8), st.integers(1, 9), min_size=1, max_size=20))
def test_byte_pairs_equal_the_plain_algorithm_and_spell_the_word(words: dict[str, int]) -> None:
    vocabulary, merges = learn_merges(words, minimum=2, most=40)
    assert merges == plain_merges(words, minimum=2, most=40)
    assert learn_merges(dict(reversed(words.items())), minimum=2, most=40) == (vocabulary, merges)
    for word in words:
        assert "".join(Bpe(merges).split_word(word)) == "▁" + word


def plain_merges(words: dict[str, int], minimum: int, most: int) -> tuple[str, ...]:
    """Counts all pairs again after each merge."""
    spelt = {word: ["▁" + word[0], *word[1:]] for word in words}
    singles = Counter({sign: 0 for symbols in spelt.values() for sign in symbols})
    for word, symbols in spelt.items():
        for sign in symbols:
            singles[sign] += words[word]
    by_count = sorted((-count, sign) for sign, count in singles.items() if count >= minimum)[:most]
    vocabulary = {sign for _, sign in by_count}
    merges: list[str] = []
    while len(vocabulary) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in spelt.items():
            for pair in pairwise(symbols):
                if all(len(part.removeprefix("▁")) > 1 or part in vocabulary for part in pair):
                    pairs[pair] += words[word]
        best = min(((-count, pair) for pair, count in pairs.items() if count >= minimum), default=None)
        if best is None:
            break
        left, right = best[1]
        merges.append(f"{left} {right}")
        vocabulary.add(left + right)
        for word, symbols in spelt.items():
            made, index = [], 0
            while index < len(symbols):
                both = symbols[index : index + 2] == [left, right]
                made.append(left + right if both else symbols[index])
                index += 2 if both else 1
            spelt[word] = made
    return tuple(merges)


# ---- category


def test_categories_are_numbered_by_frequency_and_unknown_ones_are_0() -> None:
    feature = fitted(parse(kind="category"), pa.array(["b", "a", "b", None, "least c", "most d"]))
    assert feature.learnt_values == ("b", "a", "least c", "most d")
    assert feature.tensor(pa.array(["a", "b", "z", None])).tolist() == [2, 1, 0, 0]
    assert feature.count == 5
    assert feature.caption(2) == "a"
    strict = fitted(parse(kind="category", unknown="refuse"), pa.array(["b", "a"]))
    assert strict.check(pa.array(["a", "z", None])).to_pylist() == [None, "is 'z', which the train split lacks",
                                                                    "is null"]


def test_hashed_categories_need_no_fitting_and_are_reproducible() -> None:
    def number(text: str) -> int:
        return int.from_bytes(hashlib.md5(text.encode()).digest()[:8], "big") % 100 + 1

    feature = parse(kind="category", hashed=100)
    assert feature.tensor(pa.array(["a", "ü", "a", None])).tolist() == [number("a"), number("ü"), number("a"), 0]
    assert feature.tensor(pa.array([7, None], pa.int64())).tolist() == [number("7"), 0]
    assert feature.count == 101


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
