"""How much each row counts: in the loss, in metrics, in every figure of an evaluation; 0 masks it.

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
    """A number from 0 on, by which the row counts in the loss, in metrics and in evaluation, as scikit-learn's
    `sample_weight`; a row of weight 0 counts in no figure and no gradient. float32."""

    kind: Literal["weight"] = "weight"
    role: Literal["weight"] = "weight"
    """What it is for."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.float32()

    def check(self, column: pa.Array) -> pa.Array:
        why = check_numbers(self, column, missing=False)
        values = numbers_of(column)
        with np.errstate(invalid="ignore", over="ignore"):  # what is too large has a reason of its own
            lost = (values > 0) & (values.astype(np.float32) == 0)  # it would mask a row that is to count
            return pc.coalesce(why, reasons(len(column), (values < 0, "is below 0 (a weight of 0 masks a row)"),
                                            (lost, "is too small for float32")))

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(numbers_of(column).astype(np.float32))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return np.asarray(stored.to_numpy(zero_copy_only=False), np.float32)

    def caption(self, value: Any) -> str:
        return f"weight {float(value):.4g}"
