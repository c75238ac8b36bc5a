"""The tokens of some rows, each distinct one held once: what is done to a token in Python is done once a batch.

    pieces = TokenRows.of([["a", "cat"], [], ["cat"]])
    pieces.counts()                                       # {"a": 1, "cat": 2}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenRows:
    """The tokens of row i are `names[place] for place in places[starts[i]:starts[i + 1]]`.

    Attributes:
        names: distinct tokens; some may be of no row.
        places: (tokens,) of each token of all rows, in order.
        starts: (rows + 1,) where each row begins among them.
    """

    names: Sequence[str]
    places: Whole
    starts: Whole

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> TokenRows:
        """Of rows that are lists of tokens."""
        known: dict[str, int] = {}
        places = [known.setdefault(token, len(known)) for row in rows for token in row]
        starts = np.cumsum([0, *(len(row) for row in rows)])
        return cls(list(known), np.array(places, np.int64), starts.astype(np.int64))

    @property
    def lengths(self) -> Whole:
        """(rows,) how many tokens each has."""
        return np.diff(self.starts)

    def counts(self) -> dict[str, int]:
        """How often each token comes, of those that do."""
        found = np.bincount(self.places, minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True) if count}

    def split(self, apart: Callable[[str], Sequence[str]]) -> TokenRows:
        """Each token replaced by the several, or none, that `apart` makes of it."""
        inner = TokenRows.of([apart(name) for name in self.names])
        lengths = inner.lengths[self.places]
        ends = np.cumsum(lengths)
        steps = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        places = inner.places[np.repeat(inner.starts[self.places], lengths) + steps]
        return TokenRows(inner.names, places, np.concatenate([[0], ends])[self.starts].astype(np.int64))

    def without(self, dropped: Collection[str]) -> TokenRows:
        """The tokens that are none of `dropped`."""
        kept = np.array([name not in dropped for name in self.names], np.bool_)[self.places]
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return TokenRows(self.names, self.places[kept], before[self.starts])
