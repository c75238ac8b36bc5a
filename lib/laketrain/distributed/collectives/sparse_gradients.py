"""Sparse gradients: only the rows of an embedding that a batch uses are sent, if that is less than the whole table.

    mean_of(slices, "gradients_1_0", "float32", backend)  ->  tf.IndexedSlices, each row once

A batch may use a row twice; those parts are summed first. Keras' optimizers would apply them one by one: Adam would
square each part, while the gradient is their sum.
"""

from __future__ import annotations

import sys
from typing import Any

from laketrain.distributed.backend import Backend
from laketrain.distributed.collectives import half_precision

# The gradient of a smaller table is sent dense: counting the rows would take longer than sending the table.
SMALL_TABLE_BYTES = 1 << 20


def is_sparse(tensor: Any) -> bool:
    """Whether `tensor` is a `tf.IndexedSlices`. Does not import TensorFlow."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(tensor, tensorflow.IndexedSlices)


def is_large(tensor: Any) -> bool:
    """Whether `tensor` is the sparse gradient of a large table. All ranks agree, since the table's shape decides."""
    if not is_sparse(tensor):
        return False
    elements = tensor.shape.num_elements()
    return elements is None or elements * tensor.dtype.size >= SMALL_TABLE_BYTES


def sum_duplicate_rows(slices: Any) -> Any:
    """`tf.IndexedSlices` of the same sum with each row once, in order of first appearance."""
    import tensorflow as tf

    rows, segments = tf.unique(slices.indices, out_idx=slices.indices.dtype)
    values = tf.math.unsorted_segment_sum(slices.values, segments, tf.size(rows))
    return tf.IndexedSlices(values, rows, slices.dense_shape)


def mean_of(slices: Any, name: str, wire_dtype: str, backend: Backend) -> Any:
    """The mean over the ranks of a sparse gradient, sparse.

    Ranks use different numbers of rows. They sum these numbers first, so that all send rows or all send the table.

    Args:
        slices: `tf.IndexedSlices` with a dense shape.
        name: of this collective. wire_dtype: the dtype in which values are sent.
    """
    import tensorflow as tf

    local = sum_duplicate_rows(slices)
    shape = tf.cast(local.dense_shape, tf.int64)
    row_bytes = tf.reduce_prod(shape[1:]) * tf.as_dtype(wire_dtype).size
    rows = backend.allreduce(tf.size(local.indices, tf.int64), "sum", f"{name}_rows")
    # A ring allreduce sends the table almost twice, a ring allgather sends each row almost once.
    send_rows = rows * (row_bytes + local.indices.dtype.size) < 2 * shape[0] * row_bytes
    values, indices = tf.cond(send_rows, lambda: _mean_of_rows(local, name, wire_dtype, backend),
                              lambda: _mean_of_table(local, name, wire_dtype, backend))
    return tf.IndexedSlices(values, indices, slices.dense_shape)


def _mean_of_rows(local: Any, name: str, wire_dtype: str, backend: Backend) -> tuple[Any, Any]:
    """Values and indices of the mean, from the rows of all ranks."""
    import tensorflow as tf

    indices = backend.allgather(local.indices, f"{name}_indices")
    if wire_dtype in half_precision.DTYPES:
        shift, = half_precision.common_shifts([local.values], wire_dtype, name, backend)
        bits = backend.allgather(half_precision.encode(local.values, wire_dtype, shift), f"{name}_values")
        values = half_precision.decode(bits, wire_dtype, shift, local.values.dtype)
    else:
        values = backend.allgather(tf.cast(local.values, wire_dtype), f"{name}_values")
    total = sum_duplicate_rows(tf.IndexedSlices(values / backend.size(), indices, local.dense_shape))
    return tf.cast(total.values, local.values.dtype), total.indices


def _mean_of_table(local: Any, name: str, wire_dtype: str, backend: Backend) -> tuple[Any, Any]:
    """Values and indices of the mean, from the dense tables of all ranks: every row of the table."""
    import tensorflow as tf

    table = tf.convert_to_tensor(local)
    if wire_dtype in half_precision.DTYPES:
        table, = half_precision.means([table], wire_dtype, f"{name}_table", backend)
    else:
        table = backend.allreduce(tf.cast(table, wire_dtype), "average", f"{name}_table")
    return tf.cast(table, local.values.dtype), tf.range(tf.cast(local.dense_shape[0], local.indices.dtype))
