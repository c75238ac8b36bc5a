"""Tokens have ids by frequency."""

from __future__ import annotations

from laketrain.features.tokens.token_rows import TokenRows
from laketrain.features.tokens.vocabulary import FIRST, UNKNOWN, most_common, token_ids


def test_the_most_common_tokens_come_first_and_ties_are_sorted() -> None:
    counts = {"cat": 3, "a": 3, "dog": 1, "emu": 2}
    assert most_common(counts, minimum=2, most=10) == ("a", "cat", "emu")
    assert most_common(counts, minimum=1, most=2) == ("a", "cat")


def test_tokens_outside_the_vocabulary_are_unknown() -> None:
    tokens = TokenRows.of([["cat", "zebra"], ["a", "cat"]])
    assert token_ids(tokens, ("a", "cat")).tolist() == [FIRST + 1, UNKNOWN, FIRST, FIRST + 1]
