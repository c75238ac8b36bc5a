"""A number a row, scaled by what the train split taught; missing ones filled and flagged where that is asked.

    features:
      age: {kind: number, column: age, scale: standard, missing: median, flag: true}

Parquet holds the number as it came, NaN where it is missing; the scaling is part of reading it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from laketrain.features.numeric import ScalarNumber, Scale, Scaling, check_numbers, numbers_of, tally_numbers


class Number(ScalarNumber):
    """Whole or decimal numbers and booleans; float32, with `flag` a pair of number and 1 where it was missing."""

    kind: Literal["number"] = "number"
    role: Literal["input"] = "input"
    """What it is for."""
    scale: Scaling = "standard"
    """`standard` to mean 0 and deviation 1, `minmax` to 0 … 1, `robust` by median and quartiles, `log` the logarithm of
    1 + the size with its sign, `none` as it is."""
    missing: Literal["refuse", "mean", "median", "zero"] = "refuse"
    """What becomes of a null or NaN: the row is refused, or the train split's mean or median, or 0 stands there."""
    flag: bool = False
    """Whether the model also sees which numbers were missing; it goes with another `missing` than `refuse`."""
    learnt_scale: Scale | None = Field(default=None)
    """Learnt by convert."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,) if self.flag else ()

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def check(self, column: pa.Array) -> pa.Array:
        return check_numbers(self, column, missing=self.missing != "refuse")

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = np.asarray(stored.to_numpy(zero_copy_only=False), np.float64)
        gone = np.isnan(values)
        scaled = values if self.learnt_scale is None else self._filled(values, gone)
        plain = scaled.astype(np.float32)
        return np.stack([plain, gone.astype(np.float32)], axis=1) if self.flag else plain

    def tally(self, column: pa.Array) -> dict[str, int]:
        return tally_numbers(numbers_of(column)[:, None])

    def fit(self, values: Mapping[str, Any]) -> Number:
        return self.model_copy(update={"learnt_scale": Scale.fit(self.scale, values, width=1)})

    def idle(self) -> Iterator[tuple[str, str]]:
        if self.missing == "refuse" and self.flag:
            yield "flag", "tells which numbers were missing, and with `missing: refuse` none is"

    def caption(self, value: Any) -> str:
        return f"{float(np.reshape(value, -1)[0]):.4g}"

    def _filled(self, values: npt.NDArray[np.float64], gone: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        scale = self.learnt_scale
        assert scale is not None
        stand_in = {"mean": scale.mean[0], "median": scale.middle[0]}.get(self.missing, 0.0)
        return scale.apply(np.where(gone, stand_in, values)[:, None])[:, 0]
