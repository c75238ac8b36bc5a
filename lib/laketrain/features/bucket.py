"""A number a row as the bucket that it falls into: of given edges, or of as many rows each.

    features:
      age: {kind: bucket, edges: [18, 30, 65]}
      income: {kind: bucket, buckets: 10, missing: zero}

int64 from 1; 0 is missing, so an embedding needs `count` rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from laketrain.features.base import Scalar
from laketrain.features.numeric import FloatTuple, ScalarNumber, as_tuple, check_numbers, numbers_of, tally_numbers
from laketrain.features.sums import describe

MISSING = 0


class Bucket(ScalarNumber, Scalar):
    """FloatTuple as the number of their bucket; Parquet holds them as they came, NaN where they are missing."""

    kind: Literal["bucket"] = "bucket"
    role: Literal["input"] = "input"
    """The model sees it."""
    edges: Annotated[FloatTuple, BeforeValidator(as_tuple)] = ()
    """Where one bucket ends and the next begins, ascending; an edge belongs to the bucket above it."""
    parts: int | None = Field(default=None, alias="buckets", ge=2, le=10_000)
    """Instead of edges: so many buckets, each with as many rows of the train split, as far as equal numbers allow."""
    missing: Literal["refuse", "zero"] = "refuse"
    """What becomes of a null or NaN: the row is refused, or the bucket is 0."""
    learnt_edges: FloatTuple | None = Field(default=None)
    """Learnt by convert."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Bucket:
        if (self.parts is None) == (not self.edges):
            raise ValueError("give either `edges` or the number of `buckets`")
        if any(below >= above for below, above in pairwise(self.edges)):
            raise ValueError(f"`edges` ascend; got {list(self.edges)}")
        return self

    @property
    def between(self) -> tuple[float, ...]:
        """The edges, given or learnt."""
        return self.edges or self.learnt_edges or ()

    @property
    def count(self) -> int:
        """How many numbers there are, the missing one among them: the rows of an embedding."""
        return len(self.between) + 2

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    def check(self, column: pa.Array) -> pa.Array:
        return check_numbers(self, column, missing=self.missing == "zero")

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = np.asarray(stored.to_numpy(zero_copy_only=False), np.float64)
        found = np.searchsorted(np.array(self.between, np.float64), values, side="right") + 1
        return np.where(np.isnan(values), MISSING, found).astype(np.int64)

    def tally(self, column: pa.Array) -> dict[str, int]:
        return {} if self.edges else tally_numbers(numbers_of(column)[:, None])

    def fit(self, values: Mapping[str, Any]) -> Bucket:
        if self.parts is None:
            return self
        shares = [number / self.parts for number in range(1, self.parts)]
        found = describe(values, "0 ", quantiles=shares)
        edges = sorted(set(found.quantiles)) if found.rows else []
        return self.model_copy(update={"learnt_edges": tuple(edge for edge in edges if edge > found.least)})

    def caption(self, value: Any) -> str:
        if int(value) == MISSING:
            return "missing"
        ends = ["", *(f"{edge:.4g}" for edge in self.between), ""]
        return f"{ends[int(value) - 1]} … {ends[int(value)]}".strip()
