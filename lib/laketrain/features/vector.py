"""Several numbers a row as one tensor: from several columns, or from one column of arrays.

    features:
      loads: {kind: vector, columns: [HUFL, HULL, MUFL], scale: standard}
      embedding: {kind: vector, column: embedding, size: 128, scale: none}
      load_ahead: {kind: value, column: next.HUFL, size: 24}

`vector` is an input, `value` the target of a regression. Both are float32. Each component is scaled with its statistics
of the train split; `value.unscale` inverts this for predictions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, model_validator

from laketrain.features.base import Codec, Drawing, Feature, Target
from laketrain.features.codecs.ndarray import decode_ndarrays, encode_ndarrays
from laketrain.features.numeric import (
    Floats,
    Scale,
    Scaling,
    arrays_of,
    as_tuple,
    check_arrays,
    check_numbers,
    numbers_of,
    tally_numbers,
)


class NumericArray(Feature):
    """Base of kinds with several numbers a row. Parquet stores them as float32, unscaled."""

    codec: ClassVar[Codec] = "ndarray"

    scale: Scaling = "standard"
    """For each component: `standard` to mean 0 and std 1, `minmax` to 0 … 1, `robust` by median and quartiles, `log` to
    sign(x) log(1 + |x|), `none` unchanged."""
    learnt_scale: Scale | None = Field(default=None)
    """Fitted by convert."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    @property
    def width(self) -> int:
        """Number of components, each with its own scale."""
        return self.shape[-1]

    def check(self, column: pa.Array) -> pa.Array:
        return check_arrays(self, column, math.prod(self.shape), "×".join(map(str, self.shape)))

    def pack(self, column: pa.Array) -> pa.Array:
        return encode_ndarrays(self._values(column).astype(np.float32))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = decode_ndarrays(stored, np.float32, self.shape)
        return values if self.learnt_scale is None else self.learnt_scale.apply(values).astype(np.float32)

    def tally(self, column: pa.Array) -> dict[str, int]:
        return tally_numbers(self._values(column).astype(np.float32).astype(np.float64).reshape(-1, self.width))

    def fit(self, values: Mapping[str, Any]) -> NumericArray:
        return self.model_copy(update={"learnt_scale": Scale.fit(self.scale, values, self.width)})

    def drawing(self, value: Any) -> Drawing:
        return Drawing("curves" if len(self.shape) == 2 else "bars", value)

    def _values(self, column: pa.Array) -> Floats:
        return arrays_of(self, column, self.shape)


class NumericVector(NumericArray):
    """Numbers from `columns`, or from one `column` of arrays of `size`."""

    column_names: Annotated[tuple[str, ...] | None, BeforeValidator(as_tuple)] = Field(default=None, alias="columns",
                                                                                min_length=1)
    """The table's columns, one number each; instead of `column`."""
    size: int | None = Field(default=None, ge=1)
    """Number of values in each array of `column`."""

    @model_validator(mode="after")
    def _check_columns(self) -> NumericVector:
        if (self.column_names is None) == (self.size is None):
            raise ValueError("give either `columns`, one number each, or `column` and the `size` of its arrays")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column_names or (self.column,)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size or len(self.columns),)

    def check(self, column: pa.Array) -> pa.Array:
        if not self.column_names:
            return super().check(column)
        result = pa.nulls(len(column), pa.string())
        for name, part in zip(self.columns, self._parts(column), strict=True):
            why = pc.binary_join_element_wise(f"in {name!r}", check_numbers(self, part, missing=False), " ")
            result = pc.coalesce(result, why)
        return result

    def _values(self, column: pa.Array) -> Floats:
        if not self.column_names:
            return super()._values(column)
        return np.stack([numbers_of(part) for part in self._parts(column)], axis=1)

    def _parts(self, column: pa.Array) -> list[pa.Array]:
        """The columns: a single one, or the fields of a struct."""
        return [column] if len(self.columns) == 1 else list(column.flatten())


class Vector(NumericVector):
    """An input of several numbers a row: (k,) float32."""

    kind: Literal["vector"] = "vector"
    role: Literal["input"] = "input"
    """It is an input of the model."""


class Value(Target, NumericVector):
    """The target of a regression: k numbers a row, (k,) float32."""

    kind: Literal["value"] = "value"
    role: Literal["target"] = "target"
    """It is a target of the model."""
    scale: Scaling = "none"
    """As for `number`. By default values aren't scaled, so the loss is in their own units."""

    def unscale(self, predicted: npt.NDArray[Any]) -> Floats:
        """(n, k) predictions of the model in the column's units."""
        return np.asarray(predicted, np.float64) if self.learnt_scale is None else self.learnt_scale.undo(predicted)
