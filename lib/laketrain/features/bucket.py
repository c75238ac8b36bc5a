"""A number a row as the index of its bucket: between given edges, or between quantiles of the train split.

    features:
      age: {kind: bucket, edges: [18, 30, 65]}
      income: {kind: bucket, buckets: 10, missing: zero}

int64 from 1; 0 is a missing number. An embedding needs `count` rows.
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
    """Numbers as bucket indices. Parquet stores the numbers unchanged, NaN if missing."""

    kind: Literal["bucket"] = "bucket"
    role: Literal["input"] = "input"
    """It is an input of the model."""
    edges: Annotated[FloatTuple, BeforeValidator(as_tuple)] = ()
    """Ascending edges between buckets; an edge belongs to the bucket above it."""
    parts: int | None = Field(default=None, alias="buckets", ge=2, le=10_000)
    """Number of buckets, instead of `edges`. Each has about as many rows of the train split, as far as equal numbers
    allow."""
    missing: Literal["refuse", "zero"] = "refuse"
    """Whether the row of a null or NaN is refused, or its bucket is 0."""
    learnt_edges: FloatTuple | None = Field(default=None)
    """Fitted by convert."""

    @model_validator(mode="after")
    def _check_edges(self) -> Bucket:
        if (self.parts is None) == (not self.edges):
            raise ValueError("give either `edges` or the number of `buckets`")
        if any(below >= above for below, above in pairwise(self.edges)):
            raise ValueError(f"`edges` must ascend; got {list(self.edges)}")
        return self

    @property
    def between(self) -> tuple[float, ...]:
        """The edges, declared or fitted."""
        return self.edges or self.learnt_edges or ()

    @property
    def count(self) -> int:
        """Number of indices with the one for missing: the rows of an embedding."""
        return len(self.between) + 2

    @property
    def cardinality(self) -> int:
        return self.count

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    def check(self, column: pa.Array) -> pa.Array:
        return check_numbers(self, column, missing=self.missing == "zero")

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = np.asarray(stored.to_numpy(zero_copy_only=False), np.float64)
        buckets = np.searchsorted(np.array(self.between, np.float64), values, side="right") + 1
        return np.where(np.isnan(values), MISSING, buckets).astype(np.int64)

    def tally(self, column: pa.Array) -> dict[str, int]:
        return {} if self.edges else tally_numbers(numbers_of(column)[:, None])

    def fit(self, values: Mapping[str, Any]) -> Bucket:
        if self.parts is None:
            return self
        shares = [number / self.parts for number in range(1, self.parts)]
        description = describe(values, "0 ", quantiles=shares)
        edges = sorted(set(description.quantiles)) if description.rows else []
        return self.model_copy(update={"learnt_edges": tuple(edge for edge in edges if edge > description.least)})

    def caption(self, value: Any) -> str:
        if int(value) == MISSING:
            return "missing"
        ends = ["", *(f"{edge:.4g}" for edge in self.between), ""]
        return f"{ends[int(value) - 1]} … {ends[int(value)]}".strip()
