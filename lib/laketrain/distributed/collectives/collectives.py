"""Collectives of NumPy, TensorFlow and JSON values. `World` calls them where there are several ranks.

    Collectives(backend).average([gradient, None, other], "gradients")  ->  [mean, None, mean]

Tensors of one dtype are sent as one group. 16-bit floats are summed as float32, since 16-bit sums would lose bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from laketrain.distributed.backend import Backend
from laketrain.distributed.collectives import half_precision, sparse_gradients
from laketrain.errors import RankError

Array = np.ndarray[Any, np.dtype[Any]]

BUCKET_BYTES = 64 << 20


@dataclass(frozen=True)
class Collectives:
    """The collectives over the ranks of `backend`."""

    backend: Backend

    def average(self, tensors: Sequence[Any], name: str, wire_dtype: str = "float32") -> list[Any]:
        """The mean over the ranks of each tensor. Floats keep their dtype, integers become float64. The gradient of a
        large table (`sparse_gradients.is_large`) stays sparse, other sparse gradients become dense.

        Args:
            wire_dtype: the dtype in which floats are sent; with float32, float64 stays float64.
        """
        import tensorflow as tf

        inputs = [tensor if tensor is None or sparse_gradients.is_large(tensor) else tf.convert_to_tensor(tensor)
                  for tensor in tensors]
        means: list[Any] = list(inputs)
        for dtype, group in _by_wire_dtype(inputs, wire_dtype).items():
            group_means = self._dense_means([inputs[index] for index in group], dtype, f"{name}_{dtype}")
            for index, mean in zip(group, group_means, strict=True):
                means[index] = mean
        for index, tensor in enumerate(inputs):
            if sparse_gradients.is_sparse(tensor):
                dtype = _wire_dtype_of(tensor.dtype, wire_dtype)
                means[index] = sparse_gradients.mean_of(tensor, f"{name}_{index}", dtype, self.backend)
        return means

    def _dense_means(self, tensors: Sequence[Any], wire_dtype: str, name: str) -> list[Any]:
        """The mean over the ranks of dense tensors that are all sent as `wire_dtype`."""
        import tensorflow as tf

        if wire_dtype in half_precision.DTYPES:
            return half_precision.means(tensors, wire_dtype, name, self.backend)
        means = self.backend.grouped_allreduce([tf.cast(tensor, wire_dtype) for tensor in tensors], "average", name)
        return [tf.cast(mean, tensor.dtype) if tensor.dtype.is_floating else mean
                for tensor, mean in zip(tensors, means, strict=True)]

    def sum_of(self, value: Any) -> Any:
        """The sum over the ranks, in the type of `value`: exact for integers, in float64 for floats."""
        import tensorflow as tf

        array = np.asarray(value)
        wide = array.astype(np.float64 if np.issubdtype(array.dtype, np.floating) else np.int64)
        total = self.backend.allreduce(tf.constant(wide), "sum", "sum").numpy()
        if isinstance(value, (bool, int, float)):
            return total.item()
        return total.astype(array.dtype) if wide.dtype.kind == "f" else total

    def gather(self, value: Any) -> list[Any]:
        """The JSON value of each rank, in rank order."""
        import tensorflow as tf

        text = np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
        sizes = self.backend.allgather(tf.constant([text.size], tf.int64), "gather_sizes").numpy()
        texts = self.backend.allgather(tf.constant(text), "gather").numpy().tobytes()
        ends = np.cumsum(sizes)
        return [json.loads(texts[end - size:end]) for size, end in zip(sizes, ends, strict=True)]

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Set `variables` to rank 0's values. They are sent as bytes, since Horovod has no uint32 (seeds).

        Raises:
            RankError: on every rank, if variables differ from rank 0's in number, shape or dtype.
        """
        _check_layouts_equal(self.gather([[list(v.shape), _dtype(v)] for v in variables]))
        for number, bucket in enumerate(_buckets(variables)):
            arrays = [_value(variable) for variable in bucket]
            data = np.concatenate([np.frombuffer(array.tobytes(), np.uint8) for array in arrays])
            received = self._broadcast_bytes(data, f"broadcast_{number}")
            start = 0
            for variable, array in zip(bucket, arrays, strict=True):
                variable.assign(received[start:start + array.nbytes].view(array.dtype).reshape(array.shape))
                start += array.nbytes

    def _broadcast_bytes(self, data: Array, name: str) -> Array:
        import tensorflow as tf

        received: Array = self.backend.broadcast(tf.constant(data), name).numpy()
        return received


def _by_wire_dtype(tensors: Sequence[Any], wire_dtype: str) -> dict[str, list[int]]:
    """Indices of the dense tensors by the dtype in which they are sent. The order is the same on all ranks."""
    groups: dict[str, list[int]] = {}
    for index, tensor in enumerate(tensors):
        if tensor is not None and not sparse_gradients.is_sparse(tensor):
            groups.setdefault(_wire_dtype_of(tensor.dtype, wire_dtype), []).append(index)
    return groups


def _wire_dtype_of(dtype: Any, wire_dtype: str) -> str:
    if not dtype.is_floating:
        return "float64"
    return "float64" if dtype.name == "float64" and wire_dtype == "float32" else wire_dtype


def _check_layouts_equal(layouts: Sequence[Any]) -> None:
    """Refuse variables whose [shape, dtype] pairs differ between ranks; names the first difference."""
    for rank, layout in enumerate(layouts):
        if layout != layouts[0]:
            pairs = enumerate(zip_longest(layout, layouts[0], fillvalue="nothing"))
            index, (received, expected) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
            raise RankError("train", f"variable {index} of rank {rank}", f"got {received}, rank 0 has {expected} "
                            f"({len(layout)} and {len(layouts[0])} variables)",
                            "build the same model and optimizer on every rank", rank=rank)


def _buckets(variables: Sequence[Any]) -> Iterator[list[Any]]:
    """Runs of variables of about BUCKET_BYTES, so that memory never holds a large model twice."""
    bucket: list[Any] = []
    size = 0
    for variable in variables:
        bucket.append(variable)
        size += int(np.prod(variable.shape, dtype=np.int64)) * np.dtype(_dtype(variable)).itemsize
        if size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket


def _value(variable: Any) -> Array:
    value: Array = np.asarray(variable.numpy())
    return value


def _dtype(variable: Any) -> str:
    """The dtype's name. NumPy knows `bfloat16` once TensorFlow (ml_dtypes) is imported."""
    return str(getattr(variable.dtype, "name", variable.dtype))
