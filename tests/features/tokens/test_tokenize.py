"""Texts are split into words and characters."""

from __future__ import annotations

import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.features.tokens import tokenize


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
