"""Tokens and their ids: 0 is padding, 1 is unknown, 2 is the vocabulary's first token.

    vocabulary = most_common({"cat": 3, "a": 3, "dog": 1}, minimum=2, most=10)     # ("a", "cat")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from laketrain.features.tokens.token_rows import Ints, TokenRows

PADDING, UNKNOWN, FIRST = 0, 1, 2


def most_common(counts: Mapping[str, int], minimum: int, most: int) -> tuple[str, ...]:
    """At most `most` tokens that occur at least `minimum` times, the most common first; ties are in the order of code
    points."""
    ordered = sorted((-count, token) for token, count in counts.items() if count >= minimum)
    return tuple(token for _, token in ordered[:most])


def token_ids(tokens: TokenRows, vocabulary: tuple[str, ...]) -> Ints:
    """(tokens,) the ids of all rows' tokens."""
    ids = _ids(vocabulary)
    return np.array([ids.get(token, UNKNOWN) for token in tokens.vocabulary], np.int64)[tokens.indices]


@lru_cache(maxsize=8)
def _ids(vocabulary: tuple[str, ...]) -> dict[str, int]:
    """Cached, so that it is built once a process instead of once a batch."""
    return {token: number for number, token in enumerate(vocabulary, FIRST)}
