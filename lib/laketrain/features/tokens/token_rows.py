"""Tokens of several rows, dictionary-encoded: Python processes each distinct token once a batch.

    tokens = TokenRows.of([["a", "cat"], [], ["cat"]])
    tokens.counts()                                       # {"a": 1, "cat": 2}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenRows:
    """The tokens of row i are `vocabulary[index] for index in indices[offsets[i]:offsets[i + 1]]`.

    Attributes:
        vocabulary: distinct tokens; rows needn't contain all of them.
        indices: (tokens,) in the vocabulary, of all rows in order.
        offsets: (rows + 1,) of the rows in `indices`.
    """

    vocabulary: Sequence[str]
    indices: Ints
    offsets: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> TokenRows:
        """From lists of tokens."""
        vocabulary: dict[str, int] = {}
        indices = [vocabulary.setdefault(token, len(vocabulary)) for row in rows for token in row]
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        return cls(list(vocabulary), np.array(indices, np.int64), offsets.astype(np.int64))

    @property
    def lengths(self) -> Ints:
        """(rows,) tokens a row."""
        return np.diff(self.offsets)

    def counts(self) -> dict[str, int]:
        """Occurrences of each token that occurs."""
        counts = np.bincount(self.indices, minlength=len(self.vocabulary))
        return {name: int(count) for name, count in zip(self.vocabulary, counts, strict=True) if count}

    def split(self, split_token: Callable[[str], Sequence[str]]) -> TokenRows:
        """Replaces each token by the tokens, or none, that `split_token` returns."""
        inner = TokenRows.of([split_token(name) for name in self.vocabulary])
        lengths = inner.lengths[self.indices]
        ends = np.cumsum(lengths)
        steps = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        indices = inner.indices[np.repeat(inner.offsets[self.indices], lengths) + steps]
        return TokenRows(inner.vocabulary, indices, np.concatenate([[0], ends])[self.offsets].astype(np.int64))

    def without(self, dropped: Collection[str]) -> TokenRows:
        """Removes the tokens in `dropped`."""
        kept = np.array([name not in dropped for name in self.vocabulary], np.bool_)[self.indices]
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return TokenRows(self.vocabulary, self.indices[kept], before[self.offsets])
