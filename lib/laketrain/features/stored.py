"""A column that another program stored. It is read, never written.

    Stored(column="image", dtype="uint8", sizes=(None, None, 3), encoding="image")

Numeric columns of one shape without nulls become plain arrays. Rows of several shapes, texts, decimals and columns with
nulls become an array of objects, None for null.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BeforeValidator

from laketrain.errors import DataError
from laketrain.features.base import Drawing, Feature
from laketrain.features.codecs.cache import parallel_map
from laketrain.features.codecs.ndarray import decode_ndarrays

Encoding = Literal["ndarray", "compressed", "image", "scalar", "list"]

SCHEMA_KEY = b"dataset-toolkit.unischema.v1"
"""The key of Petastorm's schema in the metadata of its datasets."""


class Stored(Feature):
    """A read-only column. A workload can't declare this kind."""

    kind: Literal["stored"] = "stored"
    role: Literal["input", "target", "id", "weight"] = "id"
    dtype_name: str
    """NumPy's name of the dtype, or `str`, `bytes` or `decimal` for Python's types."""
    sizes: Annotated[tuple[int | None, ...], BeforeValidator(tuple)] = ()
    """The shape of a row; None for a size that varies."""
    encoding: Encoding
    """How a row is stored: by `np.save` or `np.savez_compressed`, as an image file, or as a plain value or list."""
    nullable: bool = False
    """Whether rows may be null."""

    @property
    def uniform(self) -> bool:
        """Whether all rows can be one array of numbers."""
        return not self.nullable and None not in self.sizes and self.dtype_name not in ("str", "bytes", "decimal")

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.dtype_name if self.uniform else object)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size or 0 for size in self.sizes) if self.uniform else ()

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.null()

    def check(self, column: pa.Array) -> pa.Array:
        raise self._read_only()

    def pack(self, column: pa.Array) -> pa.Array:
        raise self._read_only()

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        if self.uniform:
            return self._array(stored)
        rows = self._rows(stored)
        out = np.empty(len(rows), object)
        for index, row in enumerate(rows):  # one by one, as NumPy would join arrays of one shape
            out[index] = row
        return out

    def drawing(self, value: Any) -> Drawing | None:
        shape = np.shape(value)
        picture = self.dtype_name == "uint8" and len(shape) in (2, 3) and (len(shape) == 2 or shape[2] in (1, 3, 4))
        return Drawing("image", value) if picture else None

    def caption(self, value: Any) -> str:
        return str(value)[:40] if np.shape(value) == () else ""

    def _array(self, stored: pa.Array) -> npt.NDArray[Any]:
        if self.encoding == "ndarray":
            return decode_ndarrays(stored, self.dtype, self.shape)
        if stored.null_count:
            raise self._mismatch(f"{stored.null_count} of {len(stored)} rows are null, the schema allows no nulls")
        if self.encoding == "scalar":
            return np.asarray(stored.to_numpy(zero_copy_only=False)).astype(self.dtype)
        if not len(stored):
            return np.empty((0, *self.shape), self.dtype)
        return np.stack(self._rows(stored))

    def _rows(self, stored: pa.Array) -> list[Any]:
        return parallel_map(self._decode_row, stored.to_pylist())

    def _decode_row(self, value: Any) -> Any:
        if value is None and self.nullable:
            return None
        if value is None:
            raise self._mismatch("a row is null, the schema allows no nulls")
        return self._checked(_DECODE[self.encoding](self, value))

    def _checked(self, value: Any) -> Any:
        shape = np.shape(value)
        fits = len(shape) == len(self.sizes) and all(
            size in (None, actual) for size, actual in zip(self.sizes, shape, strict=True))
        if not fits:
            raise self._mismatch(f"a row has the shape {shape}, expected {self.sizes}")
        return value

    def scalar(self, value: Any) -> Any:
        """A plain value in the schema's type."""
        if self.dtype_name == "decimal":
            return Decimal(value)
        return value if self.dtype_name in ("str", "bytes") else np.dtype(self.dtype_name).type(value)

    def listed(self, value: Any) -> npt.NDArray[Any]:
        """A plain list in the schema's type."""
        return np.array(value, None if self.dtype_name in ("str", "bytes") else self.dtype_name)

    def _read_only(self) -> DataError:
        return DataError("convert", self.subject, "is read-only: another program wrote it")

    def _mismatch(self, problem: str) -> DataError:
        return DataError("feed", self.subject, problem, "the data and its schema differ; ask the author of the dataset")


def _load(_: Stored, saved: bytes) -> Any:
    return np.load(BytesIO(saved), allow_pickle=False)


def _load_compressed(_: Stored, saved: bytes) -> Any:
    with np.load(BytesIO(saved), allow_pickle=False) as archive:
        return archive[archive.files[0]]


def _decode_pixels(feature: Stored, saved: bytes) -> npt.NDArray[Any]:
    """(h, w) or (h, w, c), uint8, or uint16 for PNGs of 16 bits."""
    from PIL import Image

    with Image.open(BytesIO(saved), formats=["PNG", "JPEG"]) as picture:
        pixels = np.asarray(picture)
    return pixels.astype(feature.dtype_name, copy=False)


_DECODE: dict[str, Callable[[Stored, Any], Any]] = {
    "ndarray": _load, "compressed": _load_compressed, "image": _decode_pixels, "scalar": Stored.scalar,
    "list": Stored.listed}
