"""Tokens and their numbers: 0 pads, 1 is what the vocabulary lacks, 2 is its first token.

    vocabulary = most_common({"cat": 3, "a": 3, "dog": 1}, minimum=2, most=10)     # ("a", "cat")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from laketrain.features.tokens.token_rows import TokenRows, Whole

PADDING, UNKNOWN, FIRST = 0, 1, 2


def most_common(counts: Mapping[str, int], minimum: int, most: int) -> tuple[str, ...]:
    """The `most` tokens of the largest counts, the largest first and alike ones in the order of their code points;
    none that is counted less than `minimum` times."""
    found = sorted((-count, token) for token, count in counts.items() if count >= minimum)
    return tuple(token for _, token in found[:most])


def token_ids(pieces: TokenRows, vocabulary: tuple[str, ...]) -> Whole:
    """(tokens,) the number of each token of all rows."""
    numbers = _numbers(vocabulary)
    return np.array([numbers.get(name, UNKNOWN) for name in pieces.names], np.int64)[pieces.places]


@lru_cache(maxsize=8)
def _numbers(vocabulary: tuple[str, ...]) -> dict[str, int]:
    """Made once a process, not once a batch."""
    return {token: number for number, token in enumerate(vocabulary, FIRST)}
