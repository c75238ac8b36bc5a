"""Tensors as Petastorm's NdarrayCodec stores them: one `np.save` a row in a binary column, for all rows at once.

Rows of one shape and dtype have the same header, so a whole column is encoded as that header next to each row's values:

    column = encode_ndarrays(images)                      # (n, 32, 32, 3) uint8 -> n binaries, as NdarrayCodec's
    images = decode_ndarrays(column, np.uint8, (32, 32, 3))
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.errors import DataError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# The offsets of Arrow's binary column are int32.
MOST_BYTES = 2**31 - 1


def encode_ndarrays(array: Array, dtype: npt.DTypeLike | None = None) -> pa.Array:
    """Encodes (n, *shape) as n binaries, byte for byte what `np.save` writes for each C-ordered row.

    Args:
        array: (n, *shape) of any numeric dtype.
        dtype: of the stored values, by default the array's; values are cast as by `astype`.

    Raises:
        DataError: the dtype holds Python objects, or the column would exceed Arrow's 2 GiB.
    """
    kind = np.dtype(array.dtype if dtype is None else dtype)
    rows, shape = array.shape[0], array.shape[1:]
    prefix = _header(kind, shape)
    size = len(prefix) + kind.itemsize * int(np.prod(shape, dtype=np.int64))
    if rows * size > MOST_BYTES:
        raise DataError("convert", "a batch of tensors", f"{rows} rows of {size} bytes pass Arrow's 2 GiB a column",
                        f"use batches of at most {MOST_BYTES // size} rows")
    cells = np.empty((rows, size), np.uint8)
    cells[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    _view(cells, kind, (rows, *shape), len(prefix), size)[...] = array
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(size)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(cells)])


def decode_ndarrays(column: pa.Array, dtype: npt.DTypeLike, shape: Shape) -> Array:
    """Decodes a binary column into (n, *shape).

    If all rows have the same header (the usual case), nothing is copied: the result is a read-only view of Arrow's
    memory. Otherwise rows are loaded one by one. Nothing is unpickled.

    Raises:
        DataError: a row is null, isn't a saved array, or has another dtype or shape.
    """
    if column.null_count:
        raise _unreadable(f"{column.null_count} of {len(column)} rows are null")
    kind = np.dtype(dtype)
    if not len(column):
        return np.empty((0, *shape), kind)
    offsets, data = binary_parts(column)
    view = _uniform(offsets, data, kind, shape)
    return _one_by_one(offsets, data, kind, shape) if view is None else view


def binary_parts(column: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The n + 1 offsets and the bytes of a binary column; row i is `data[offsets[i]:offsets[i + 1]]`."""
    if not pa.types.is_binary(column.type) and not pa.types.is_large_binary(column.type):
        column = column.cast(pa.large_binary())
    width = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    _, index, data = column.buffers()
    if index is None or not len(column):
        return np.zeros(len(column) + 1, np.int64), np.empty(0, np.uint8)
    offsets = np.frombuffer(index, width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return offsets, np.frombuffer(data if data is not None else b"", np.uint8)


@lru_cache(maxsize=256)
def _header(dtype: np.dtype[Any], shape: Shape) -> bytes:
    """The bytes that `np.save` writes before the values of a row."""
    if dtype.hasobject:
        raise DataError("convert", "a tensor", f"dtype {dtype} holds Python objects, expected numbers")
    file = BytesIO()
    np.save(file, np.zeros(shape, dtype), allow_pickle=False)
    saved = file.getvalue()
    return saved[: len(saved) - dtype.itemsize * int(np.prod(shape, dtype=np.int64))]


def _view(data: Array, dtype: np.dtype[Any], shape: Shape, start: int, row_bytes: int) -> Array:
    """An (n, *shape) view of bytes: the first row is at `start`, the next ones `row_bytes` apart."""
    if 0 in shape:
        return np.empty(shape, dtype)
    inner = np.cumprod((dtype.itemsize, *shape[:0:-1]), dtype=np.int64)[:-1][::-1] if len(shape) > 1 else ()
    return np.ndarray(shape, dtype, buffer=data, offset=start, strides=(row_bytes, *(int(step) for step in inner)))


def _uniform(offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8], dtype: np.dtype[Any],
             shape: Shape) -> Array | None:
    """All rows as one view; None if their sizes or headers differ from each other or from the expected ones."""
    size = int(offsets[1] - offsets[0])
    if (np.diff(offsets) != size).any():
        return None
    start, rows = int(offsets[0]), len(offsets) - 1
    first = data[start : start + size]
    length = _header_length(first.tobytes(), dtype, shape)
    if length is None:
        return None
    cells = data[start : start + rows * size].reshape(rows, size)
    if not (cells[:, :length] == first[:length]).all():
        return None
    view = _view(data, dtype, (rows, *shape), start + length, size)
    view.flags.writeable = False
    return view


def _header_length(saved: bytes, dtype: np.dtype[Any], shape: Shape) -> int | None:
    """Bytes before the values, if it is a C-ordered array of this dtype and shape, else None; the padding may vary."""
    values = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    expected = _header(dtype, shape)
    if saved.startswith(expected) and len(saved) == len(expected) + values:
        return len(expected)
    # Versions of NumPy differ in the number of padding spaces only.
    length = len(saved) - values
    text = expected[10:].rstrip()
    same = saved.startswith(expected[:8]) and length >= 10 + len(text) and saved[10:length].rstrip() == text
    return length if same and int.from_bytes(saved[8:10], "little") == length - 10 else None


def _one_by_one(offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8], dtype: np.dtype[Any],
                shape: Shape) -> Array:
    out = np.empty((len(offsets) - 1, *shape), dtype)
    for row in range(len(out)):
        saved = data[offsets[row] : offsets[row + 1]].tobytes()
        try:
            value = np.load(BytesIO(saved), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise _unreadable(f"row {row} ({len(saved)} bytes) is not a saved array: {error}") from error
        if not isinstance(value, np.ndarray):
            raise _unreadable(f"row {row} is an archive, expected one array")
        if value.dtype.newbyteorder("=") != dtype.newbyteorder("=") or value.shape != shape:
            raise _unreadable(f"row {row}: got {value.dtype} {value.shape}, expected {dtype} {shape}")
        out[row] = value
    return out


def _unreadable(problem: str) -> DataError:
    return DataError("feed", "a stored tensor column", problem, "convert the dataset again, or declare what it holds")
