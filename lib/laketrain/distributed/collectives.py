"""What ranks do together, through Horovod. `World` is the way in; this is imported only where ranks are many.

    average([gradient, None, other], "gradients")  ->  [mean, None, mean]

Tensors that share a dtype travel in one group. Half-precision is summed as float32, for its own sums would lose bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from laketrain.distributed import halves, slices
from laketrain.errors import RankError

if TYPE_CHECKING:
    from laketrain.distributed.world import World

Array = np.ndarray[Any, np.dtype[Any]]

BUCKET_BYTES = 64 << 20


def average(tensors: Sequence[Any], name: str, wire: str = "float32") -> list[Any]:
    """The mean over the ranks of each tensor. Floats come back in their dtype, integers as float64; the gradient of a
    large table (`slices.is_large`) sparse, other sparse slices dense.

    Args:
        wire: the dtype of floats on the way; with float32, float64 keeps its own.
    """
    import tensorflow as tf

    given = [each if each is None or slices.is_large(each) else tf.convert_to_tensor(each) for each in tensors]
    found: list[Any] = list(given)
    for on_the_way, group in _by_wire_dtype(given, wire).items():
        sent = [given[index] for index in group]
        for index, mean in zip(group, _means(sent, on_the_way, f"{name}_{on_the_way}"), strict=True):
            found[index] = mean
    for index, tensor in enumerate(given):
        if slices.is_sparse(tensor):
            found[index] = slices.mean_of(tensor, f"{name}_{index}", _wire_of(tensor.dtype, wire))
    return found


def _means(tensors: Sequence[Any], wire: str, name: str) -> list[Any]:
    """The mean over the ranks of dense tensors that all travel as `wire`."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    if wire in halves.HALVES:
        return halves.means(tensors, wire, name)
    # The name is fixed, and scopes are ignored, because Horovod matches tensors of different ranks by name: a
    # rank whose graph has other scopes (a chief that also logs) must still meet the others.
    received = hvd.grouped_allreduce([tf.cast(tensor, wire) for tensor in tensors], op=hvd.Average,
                                     name=f"laketrain_{name}", ignore_name_scope=True)
    return [tf.cast(mean, tensor.dtype) if tensor.dtype.is_floating else mean
            for tensor, mean in zip(tensors, received, strict=True)]


def _by_wire_dtype(tensors: Sequence[Any], wire: str) -> dict[str, list[int]]:
    """Indices of the dense tensors by the dtype they travel in, in order of first appearance, the same on all ranks."""
    groups: dict[str, list[int]] = {}
    for index, tensor in enumerate(tensors):
        if tensor is not None and not slices.is_sparse(tensor):
            groups.setdefault(_wire_of(tensor.dtype, wire), []).append(index)
    return groups


def _wire_of(dtype: Any, wire: str) -> str:
    if not dtype.is_floating:
        return "float64"
    return "float64" if dtype.name == "float64" and wire == "float32" else wire


def sum_of(value: Any) -> Any:
    """The sum over the ranks: exact for integers, in float64 for floats, returned as the type that came."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    array = np.asarray(value)
    wire = array.astype(np.float64 if np.issubdtype(array.dtype, np.floating) else np.int64)
    total = hvd.allreduce(tf.constant(wire), op=hvd.Sum, name="laketrain_sum").numpy()
    if isinstance(value, (bool, int, float)):
        return total.item()
    return total.astype(array.dtype) if wire.dtype.kind == "f" else total


def gather(value: Any) -> list[Any]:
    """Every rank's JSON value in rank order."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    mine = np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
    sizes = hvd.allgather(tf.constant([mine.size], tf.int64), name="laketrain_gather_sizes").numpy()
    data = hvd.allgather(tf.constant(mine), name="laketrain_gather").numpy().tobytes()
    ends = np.cumsum(sizes)
    return [json.loads(data[end - size:end]) for size, end in zip(sizes, ends, strict=True)]


def broadcast(variables: Sequence[Any], world: World) -> None:
    """Set `variables` to rank 0's values. They travel as bytes, so any dtype does: Horovod has no uint32 seeds."""
    _refuse_different(gather([[list(v.shape), _dtype(v)] for v in variables]), world)
    for number, bucket in enumerate(_buckets(variables)):
        arrays = [_value(variable) for variable in bucket]
        mine = np.concatenate([np.frombuffer(array.tobytes(), np.uint8) for array in arrays])
        chiefs = _broadcast_bytes(mine, f"laketrain_broadcast_{number}")
        start = 0
        for variable, array in zip(bucket, arrays, strict=True):
            variable.assign(chiefs[start:start + array.nbytes].view(array.dtype).reshape(array.shape))
            start += array.nbytes


def _refuse_different(layouts: list[Any], world: World) -> None:
    for rank, layout in enumerate(layouts):
        if layout != layouts[0]:
            pairs = enumerate(zip_longest(layout, layouts[0], fillvalue="nothing"))
            index, (here, there) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
            raise RankError("train", f"variable {index} of rank {rank}", f"got {here}, and the chief has {there} "
                            f"({len(layout)} and {len(layouts[0])} variables)",
                            "build the same model and optimizer on every rank", rank=rank)


def _buckets(variables: Sequence[Any]) -> Iterator[list[Any]]:
    """Runs of variables of about BUCKET_BYTES, so that a large model is never in memory twice."""
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


def _broadcast_bytes(data: Array, name: str) -> Array:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    received: Array = hvd.broadcast(tf.constant(data), root_rank=0, name=name).numpy()
    return received


def _value(variable: Any) -> Array:
    value: Array = np.asarray(variable.numpy())
    return value


def _dtype(variable: Any) -> str:
    """The dtype's name. `bfloat16` is one that NumPy knows once TensorFlow (ml_dtypes) is imported."""
    return str(getattr(variable.dtype, "name", variable.dtype))
