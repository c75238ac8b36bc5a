"""What the feed needs of a reader of rows, so that any storage can be behind it.

    feed = Feed.of([source], batch=128, seed=1)           # one source, or one a bucket of row lengths

`feed.rows.RowReader` reads the Parquet files of a lake, `feed.petastorm.PetastormReader` those of Petastorm datasets.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from laketrain.features import FeatureSet

Arrays = dict[str, npt.NDArray[Any]]
"""Feature's name -> (n, *shape), a row a first index."""


class RowSource(Protocol):
    """Rows of one shape, numbered 0 … rows - 1. Reads may come from any thread, one at a time or several."""

    @property
    def features(self) -> FeatureSet:
        """Declares dtype, shape and role of each column; it may hold more features than are read."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features that `read` returns."""

    @property
    def rows(self) -> int: ...

    @property
    def row_bytes(self) -> int:
        """Memory of one decoded row."""

    def read(self, rows: npt.NDArray[np.int64]) -> Arrays:
        """The rows with these numbers, in that order; numbers may repeat.

        Raises:
            DataError: the storage is damaged, or can't be read.
            IndexError: a number is out of range.
        """

    def row_groups(self, rows: npt.NDArray[np.int64]) -> dict[str, list[int]]:
        """Where these rows are stored, for error messages: ascending numbers of row groups by file path."""

    @property
    def current_read(self) -> str:
        """What is read at this moment, for the error of a read that never ends."""

    def close(self) -> None:
        """Releases open files. May be called more than once."""
