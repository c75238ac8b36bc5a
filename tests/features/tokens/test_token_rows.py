"""Tokens of rows equal plain lists."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from laketrain.features.tokens.token_rows import TokenRows

ROWS = st.lists(st.lists(st.sampled_from(["a", "b", "cat", ""]), max_size=6), max_size=8)


def lists(tokens: TokenRows) -> list[list[str]]:
    return [[tokens.vocabulary[index] for index in tokens.indices[start:stop]]
            for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)]


@given(ROWS)
def test_rows_are_read_back(rows: list[list[str]]) -> None:
    tokens = TokenRows.of(rows)
    assert lists(tokens) == rows
    assert tokens.lengths.tolist() == [len(row) for row in rows]
    assert tokens.counts() == dict(Counter(token for row in rows for token in row))


@given(ROWS)
def test_tokens_are_split_and_dropped(rows: list[list[str]]) -> None:
    assert lists(TokenRows.of(rows).split(list)) == [[letter for token in row for letter in token] for row in rows]
    assert lists(TokenRows.of(rows).without({"a", ""})) == [
        [token for token in row if token not in ("a", "")] for row in rows]
