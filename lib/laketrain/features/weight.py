"""Sample weights: of each row in the loss, in metrics and in evaluations; 0 masks the row.

    features:
      weight: {kind: weight, column: sampling_weight}
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from laketrain.features.base import Scalar, reasons
from laketrain.features.numeric import check_numbers, numbers_of


class Weight(Scalar):
    """A number ≥ 0, float32: the row's `sample_weight` in the loss, in metrics and in evaluations, as in Keras and
    scikit-learn. A row of weight 0 has no effect."""

    kind: Literal["weight"] = "weight"
    role: Literal["weight"] = "weight"
    """It weighs rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.float32()

    def check(self, column: pa.Array) -> pa.Array:
        why = check_numbers(self, column, missing=False)
        values = numbers_of(column)
        with np.errstate(invalid="ignore", over="ignore"):  # numbers that are too large have another reason
            underflow = (values > 0) & (values.astype(np.float32) == 0)  # it would mask the row
            return pc.coalesce(why, reasons(len(column), (values < 0, "is below 0 (a weight of 0 masks a row)"),
                                            (underflow, "is too small for float32")))

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(numbers_of(column).astype(np.float32))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return np.asarray(stored.to_numpy(zero_copy_only=False), np.float32)

    def caption(self, value: Any) -> str:
        return f"weight {float(value):.4g}"
