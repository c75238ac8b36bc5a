"""Keys: identifiers of rows. Stored with the tensors and copied to predictions, never an input of a model.

    features:
      id: {kind: key, column: image_id}
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.features.base import Scalar, Storage, nulls, reasons


class Key(Scalar):
    """Text; integers, dates and times are cast to text."""

    kind: Literal["key"] = "key"
    role: Literal["id"] = "id"
    """It is never an input; predictions contain it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Python strings, as NumPy's strings are all as long as the longest."""
        return np.dtype(object)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.string()

    def storage(self, name: str) -> Storage:
        return Storage(name, "str", (), self.codec)

    def check(self, column: pa.Array) -> pa.Array:
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
                or pa.types.is_temporal(kind)):
            raise self.wrong_type(column, "strings, whole numbers, dates or times")
        return reasons(len(column), (nulls(column), "is null"))

    def pack(self, column: pa.Array) -> pa.Array:
        return column.cast(pa.string())

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return np.asarray(stored.to_numpy(zero_copy_only=False), object)

    def caption(self, value: Any) -> str:
        return str(value)
