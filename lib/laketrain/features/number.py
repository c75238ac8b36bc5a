"""A number a row, scaled with statistics of the train split; missing ones can be filled and flagged.

    features:
      age: {kind: number, column: age, scale: standard, missing: median, flag: true}

Parquet stores the number unchanged, NaN if it is missing; it is scaled when it is read.
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
    """Numbers and booleans as float32; with `flag`, pairs of the number and 1 if it was missing."""

    kind: Literal["number"] = "number"
    role: Literal["input"] = "input"
    """It is an input of the model."""
    scale: Scaling = "standard"
    """`standard` to mean 0 and std 1, `minmax` to 0 … 1, `robust` by median and quartiles, `log` to sign(x) log(1 +
    |x|), `none` unchanged."""
    missing: Literal["refuse", "mean", "median", "zero"] = "refuse"
    """Whether the row of a null or NaN is refused, or the number is filled with the train split's mean or median, or
    with 0."""
    flag: bool = False
    """Whether a second value flags missing numbers; needs another `missing` than `refuse`."""
    learnt_scale: Scale | None = Field(default=None)
    """Fitted by convert."""

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
        missing = np.isnan(values)
        scaled = values if self.learnt_scale is None else self._filled(values, missing)
        plain = scaled.astype(np.float32)
        return np.stack([plain, missing.astype(np.float32)], axis=1) if self.flag else plain

    def tally(self, column: pa.Array) -> dict[str, int]:
        return tally_numbers(numbers_of(column)[:, None])

    def fit(self, values: Mapping[str, Any]) -> Number:
        return self.model_copy(update={"learnt_scale": Scale.fit(self.scale, values, width=1)})

    def unused_settings(self) -> Iterator[tuple[str, str]]:
        if self.missing == "refuse" and self.flag:
            yield "flag", "flags missing numbers, and `missing: refuse` accepts none"

    def caption(self, value: Any) -> str:
        return f"{float(np.reshape(value, -1)[0]):.4g}"

    def _filled(self, values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        scale = self.learnt_scale
        assert scale is not None
        filler = {"mean": scale.mean[0], "median": scale.middle[0]}.get(self.missing, 0.0)
        return scale.apply(np.where(missing, filler, values)[:, None])[:, 0]
