"""Images of one fixed shape: lists of pixel values or raw bytes in a table, uint8 tensors for Keras.

    features:
      image: {kind: image, column: pixels, shape: [28, 28, 1]}

They stay uint8 (h, w, c) up to the model, which rescales with the mean and std learnt on the train split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict

from laketrain.errors import DataError
from laketrain.features.base import Codec, Drawing, Feature, nulls, reasons
from laketrain.features.codec import binary_parts, decode_ndarrays, encode_ndarrays

# A row of a table; more is a mistake in the shape, and a memory bomb for every reader.
MOST_VALUES = 2**28


def _three_sizes(value: Any) -> Any:
    sizes = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(sizes) != 3 or not all(type(size) is int and size >= 1 for size in sizes):
        raise ValueError(f"expected three sizes [height, width, channels], each a whole number ≥ 1; got {value!r}")
    if math.prod(sizes) > MOST_VALUES:
        raise ValueError(f"{value!r} is {math.prod(sizes)} values a row, at most {MOST_VALUES} are accepted")
    return sizes


class ImageStatistics(BaseModel):
    """Over all pixels and channels of the train split, of pixel / 255."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    mean: float
    std: float


class Image(Feature):
    """uint8 images; the column is array<integer> or binary, h * w * c values a row in row-major order."""

    codec: ClassVar[Codec] = "ndarray"

    kind: Literal["image"] = "image"
    role: Literal["input", "target"] = "input"
    shape: Annotated[tuple[int, int, int], BeforeValidator(_three_sizes)]
    statistics: ImageStatistics | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    @property
    def size(self) -> int:
        """Values in one image."""
        return math.prod(self.shape)

    def check(self, column: pa.Array) -> pa.Array:
        offsets, values = self._values(column)
        lengths = np.diff(offsets)
        sizes = "×".join(map(str, self.shape))
        said = pc.binary_join_element_wise("has ", pa.array(lengths).cast(pa.string()),
                                           f" values, expected {self.size} = {sizes}", "")
        return reasons(len(column), (nulls(column), "is null"), (lengths != self.size, said),
                       (_rows_of(_nothing(values), offsets), "has a null among its values"),
                       (_rows_of(_out_of_range(values), offsets), "has a value outside 0..255"))

    def pack(self, column: pa.Array) -> pa.Array:
        return encode_ndarrays(self._array(column), np.uint8)

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return decode_ndarrays(stored, np.uint8, self.shape)

    def drawing(self, value: Any) -> Drawing:
        return Drawing("image", value)

    def tally(self, column: pa.Array) -> dict[str, int]:
        histogram = np.bincount(self._array(column).astype(np.uint8).reshape(-1), minlength=256)
        pixels = np.arange(256)
        return {"count": int(histogram.sum()), "total": int(histogram @ pixels),
                "squares": int(histogram @ pixels**2)}

    def learnt(self, values: Mapping[str, Any]) -> Image:
        count, total, squares = (int(values[key] or 0) for key in ("count", "total", "squares"))
        if not count:
            raise DataError("convert", self.subject, "the train split holds no good image",
                            "look at the quarantine, and at the split's fractions")
        mean = Fraction(total, 255 * count)
        variance = Fraction(squares, 255 * 255 * count) - mean * mean
        found = ImageStatistics(mean=float(mean), std=math.sqrt(variance))
        return self.model_copy(update={"statistics": found})

    def _array(self, column: pa.Array) -> npt.NDArray[Any]:
        """(n, h, w, c) of the column's own integers; rows must be good."""
        _, values = self._values(column)
        flat: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return flat.reshape(-1, *self.shape)

    def _values(self, column: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
        """Where each row begins among the values, from 0, and the values of all rows."""
        kind = column.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            offsets, data = binary_parts(column)
            values = pa.array(data[offsets[0] : offsets[-1]])
        elif pa.types.is_fixed_size_list(kind):
            offsets = np.arange(len(column) + 1, dtype=np.int64) * kind.list_size
            values = column.values.slice(column.offset * kind.list_size, offsets[-1])
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            offsets = np.asarray(column.offsets.to_numpy(zero_copy_only=False), np.int64)
            values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        else:
            raise self.wrong_type(column, "array<integer> or binary")
        if not pa.types.is_integer(values.type):
            raise self.wrong_type(column, "array<integer> or binary")
        return offsets - offsets[0], values


def _nothing(values: pa.Array) -> npt.NDArray[np.int64]:
    """Positions of nulls."""
    return np.flatnonzero(nulls(values)) if values.null_count else np.empty(0, np.int64)


def _out_of_range(values: pa.Array) -> npt.NDArray[np.int64]:
    """Positions of what is no pixel. Nearly always none: one look at the extremes settles it."""
    found = pc.min_max(values).as_py()
    if found["min"] is None or (found["min"] >= 0 and found["max"] <= 255):
        return np.empty(0, np.int64)
    outside = pc.or_(pc.less(values, 0), pc.greater(values, 255)).fill_null(False)
    return np.flatnonzero(outside.to_numpy(zero_copy_only=False))


def _rows_of(positions: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(n,) True for the rows in which some position lies."""
    marked = np.zeros(len(offsets) - 1, np.bool_)
    marked[np.searchsorted(offsets, positions, side="right") - 1] = True
    return marked
