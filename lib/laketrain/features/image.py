"""Images of one shape: lists of pixel values, raw bytes or image files in a table; uint8 tensors for Keras.

    features:
      image: {kind: image, column: pixels, shape: [28, 28, 1]}
      photo: {kind: image, column: content, encoded: true, shape: [224, 224, 3], resize: crop}

The model rescales the uint8 (h, w, c) tensors with the mean and std of the train split.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from laketrain.errors import DataError
from laketrain.features.base import Codec, Drawing, Storage, Target, nulls, reasons
from laketrain.features.codecs.cache import Decoded, decode_column, failures, parallel_map
from laketrain.features.codecs.header import Unreadable
from laketrain.features.codecs.image import Filter, ImageSpec, Resize, decode_image, encode_image, is_jpeg_of
from laketrain.features.codecs.ndarray import binary_parts, decode_ndarrays, encode_ndarrays

# Values in a row; a larger shape is a mistake, and would exhaust the memory of every reader.
MOST_VALUES = 2**28
_QUALITY = 90
# Pixels summed at once: they fit in the CPU's cache, and a float64 holds the sum of their squares exactly.
_BLOCK = 2**16


def _three_sizes(value: Any) -> Any:
    sizes = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(sizes) != 3 or not all(type(size) is int and size >= 1 for size in sizes):
        raise ValueError(f"expected three sizes [height, width, channels], each a whole number ≥ 1; got {value!r}")
    if math.prod(sizes) > MOST_VALUES:
        raise ValueError(f"{value!r} is {math.prod(sizes)} values a row, at most {MOST_VALUES} are accepted")
    return sizes


class ImageStatistics(BaseModel):
    """Mean and std of pixel / 255, over all pixels and channels of the train split."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    mean: float
    std: float


class Image(Target):
    """uint8 images. The column is array<integer> or binary with h * w * c values a row in row-major order, or, if
    `encoded`, binary with a PNG, JPEG, GIF, BMP or WebP file a row."""

    codec: ClassVar[Codec] = "ndarray"

    kind: Literal["image"] = "image"
    role: Literal["input", "target"] = "input"
    """Whether it is an input or a target of the model."""
    shape: Annotated[tuple[int, int, int], BeforeValidator(_three_sizes)]
    """Height, width and channels of every image: 1 channel is grey, 3 are RGB, 4 RGBA."""
    encoded: bool = False
    """Whether the column contains image files (PNG, JPEG, GIF, BMP, WebP) instead of pixel values."""
    resize: Resize = "none"
    """How a file of another size is resized: `stretch` it, `fit` all of it on black, or `crop` its centre. With `none`
    it is refused, since each of these changes the model's input."""
    filter: Filter = "bilinear"
    """The resampling filter; all but nearest average pixels when they shrink an image."""
    max_pixels: int = Field(default=64_000_000, ge=1, le=178_000_000)
    """Files of more pixels are refused by their header, before they are decoded; a decoded pixel takes 3 to 8 bytes of
    memory in each thread. Pillow decodes at most 178 million."""
    store: Literal["pixels", "png", "jpeg"] = "pixels"
    """What Parquet stores: pixels, which are the fastest to read, or smaller files that are decoded in every epoch. png
    is lossless, jpeg isn't."""
    quality: int | None = Field(default=None, ge=1, le=100)
    """The quality of `store: jpeg`: higher is more exact and larger. By default JPEGs of exactly this shape are stored
    unchanged, all others with quality 90."""
    statistics: ImageStatistics | None = None
    """Fitted by convert."""

    @model_validator(mode="after")
    def _settings_that_go_together(self) -> Image:
        channels = self.shape[2]
        if self.encoded and channels not in (1, 3, 4):
            raise ValueError(f"image files have 1 (grey), 3 (RGB) or 4 (RGBA) channels; `shape` says {channels}")
        if self.store != "pixels" and channels not in (1, 3):
            raise ValueError(f"`store: {self.store}` needs 1 or 3 channels, `shape` says {channels}; "
                             "use `store: pixels`")
        if self.resize != "none" and not self.encoded:
            raise ValueError(f"`resize: {self.resize}` needs `encoded: true`: only files have a size of their own")
        if self.quality is not None and self.store != "jpeg":
            raise ValueError(f"`quality` needs `store: jpeg`; got `store: {self.store}`")
        return self

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

    def storage(self, name: str) -> Storage:
        if self.store == "pixels":
            return super().storage(name)
        # Petastorm's image codec stores grey images as (h, w).
        return Storage(name, self.dtype.name, self.shape if self.shape[2] > 1 else self.shape[:2], self.store)

    def check(self, column: pa.Array) -> pa.Array:
        return self._check_files(column) if self.encoded else self._check_values(column)

    def pack(self, column: pa.Array) -> pa.Array:
        pixels = self._array(column)
        if self.store == "pixels":
            return encode_ndarrays(pixels, np.uint8)
        images = list(pixels.astype(np.uint8, copy=False))
        sources = column.to_pylist() if self._keeps_files else [None] * len(images)
        files = parallel_map(lambda row: self._file(*row), list(zip(images, sources, strict=True)))
        return pa.array(files, pa.binary())

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        if self.store == "pixels":
            return decode_ndarrays(stored, np.uint8, self.shape)
        if stored.null_count:
            raise self._unreadable(f"{stored.null_count} of {len(stored)} stored images are null")
        spec = ImageSpec(self.shape, max_pixels=math.prod(self.shape[:2]))
        try:
            return self._stack(parallel_map(lambda data: decode_image(data, spec), stored.to_pylist()))
        except Unreadable as reason:
            raise self._unreadable(f"a stored image {reason}") from reason

    def unused_settings(self) -> Iterator[tuple[str, str]]:
        for key in self.non_default("filter") if self.resize == "none" else ():
            yield key, "is how files of another size are resized, and with `resize: none` they are refused"
        for key in self.non_default("max_pixels") if not self.encoded else ():
            yield key, "is for image files, and without `encoded: true` the column holds pixels"

    def drawing(self, value: Any) -> Drawing:
        return Drawing("image", value)

    def tally(self, column: pa.Array) -> dict[str, int]:
        values = self._array(column).reshape(1, -1).astype(np.uint8, copy=False)
        total = squares = 0
        for start in range(0, values.size, _BLOCK):
            block = values[:, start : start + _BLOCK]
            # OpenCV returns floats of integers far below 2^53: rounding makes them exact.
            total += round(cv2.norm(block, cv2.NORM_L1))
            squares += round(cv2.norm(block, cv2.NORM_L2SQR))
        return {"count": values.size, "total": total, "squares": squares}

    def fit(self, values: Mapping[str, Any]) -> Image:
        count, total, squares = (int(values[key] or 0) for key in ("count", "total", "squares"))
        if not count:
            raise DataError("convert", self.subject, "the train split has no valid image",
                            "look at the quarantine, and at the split's fractions")
        mean = Fraction(total, 255 * count)
        variance = Fraction(squares, 255 * 255 * count) - mean * mean
        statistics = ImageStatistics(mean=float(mean), std=math.sqrt(variance))
        return self.model_copy(update={"statistics": statistics})

    @property
    def _keeps_files(self) -> bool:
        """Whether JPEGs of the right shape are stored unchanged, as encoding them again would lose quality."""
        return self.encoded and self.store == "jpeg" and self.quality is None

    def _file(self, pixels: npt.NDArray[np.uint8], source: bytes | None) -> bytes:
        if source is not None and is_jpeg_of(source, self.shape):
            return source
        return encode_image(pixels, "png" if self.store == "png" else "jpeg", self.quality or _QUALITY)

    def _check_values(self, column: pa.Array) -> pa.Array:
        offsets, values = self._values(column)
        lengths = np.diff(offsets)
        sizes = "×".join(map(str, self.shape))
        text = pc.binary_join_element_wise("has ", pa.array(lengths).cast(pa.string()),
                                           f" values, expected {self.size} = {sizes}", "")
        return reasons(len(column), (nulls(column), "is null"), (lengths != self.size, text),
                       (_rows_of(_null_positions(values), offsets), "has a null among its values"),
                       (_rows_of(_out_of_range(values), offsets), "has a value outside 0..255"))

    def _check_files(self, column: pa.Array) -> pa.Array:
        if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
            raise self.wrong_type(column, "binary (image files)")
        why = failures(self._decoded(column))
        return reasons(len(column), (nulls(column), "is null"), (np.asarray(why.is_valid()), why))

    def _decoded(self, column: pa.Array) -> list[Decoded | None]:
        """Each file's pixels, or the reason why it can't be decoded."""
        spec = ImageSpec(self.shape, self.resize, self.filter, self.max_pixels)
        return decode_column(column, spec, lambda data: decode_image(data, spec))

    def _stack(self, rows: list[Any]) -> npt.NDArray[Any]:
        return np.stack(rows) if rows else np.empty((0, *self.shape), np.uint8)

    def _unreadable(self, problem: str) -> DataError:
        return DataError("feed", self.subject, problem, "convert the dataset again, or declare what it holds")

    def _array(self, column: pa.Array) -> npt.NDArray[Any]:
        """(n, h, w, c) values or pixels of files. The rows must be valid."""
        if self.encoded:
            return self._stack(self._decoded(column))
        _, values = self._values(column)
        flat: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return flat.reshape(-1, *self.shape)

    def _values(self, column: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
        """(n + 1,) offsets of the rows in the values, starting at 0, and the values of all rows."""
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


def _null_positions(values: pa.Array) -> npt.NDArray[np.int64]:
    """Positions of nulls."""
    return np.flatnonzero(nulls(values)) if values.null_count else np.empty(0, np.int64)


def _out_of_range(values: pa.Array) -> npt.NDArray[np.int64]:
    """Positions of values outside 0 … 255. Checks the extremes first, as there are nearly always none."""
    if pa.types.is_uint8(values.type):
        return np.empty(0, np.int64)
    extremes = pc.min_max(values).as_py()
    if extremes["min"] is None or (extremes["min"] >= 0 and extremes["max"] <= 255):
        return np.empty(0, np.int64)
    outside = pc.or_(pc.less(values, 0), pc.greater(values, 255)).fill_null(False)
    return np.flatnonzero(outside.to_numpy(zero_copy_only=False))


def _rows_of(positions: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(n,) True for rows that contain one of the positions."""
    marked = np.zeros(len(offsets) - 1, np.bool_)
    marked[np.searchsorted(offsets, positions, side="right") - 1] = True
    return marked
