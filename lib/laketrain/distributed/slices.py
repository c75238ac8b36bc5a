"""Sparse gradients: the rows of an embedding that a batch touched travel alone, where that is less than the table.

    mean_of(slices, "gradients_1_0")  ->  tf.IndexedSlices, each row once

A row that a batch has twice is summed first. Keras' optimizers take a repeated row's parts one by one: Adam would
square each part, where the gradient is their sum.
"""

from __future__ import annotations

import sys
from typing import Any

from laketrain.distributed import halves

# A smaller table goes with the dense gradients: asking how many rows there are would take longer than sending it.
SMALL_TABLE_BYTES = 1 << 20


def is_sparse(tensor: Any) -> bool:
    """Whether `tensor` is a `tf.IndexedSlices`; without TensorFlow in the process nothing is."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(tensor, tensorflow.IndexedSlices)


def is_large(tensor: Any) -> bool:
    """Whether `tensor` is the sparse gradient of a table that isn't small: the table's shape is that of all ranks."""
    if not is_sparse(tensor):
        return False
    elements = tensor.shape.num_elements()
    return elements is None or elements * tensor.dtype.size >= SMALL_TABLE_BYTES


def sum_repeats(slices: Any) -> Any:
    """`tf.IndexedSlices` of the same sum with each row once, rows in the order in which they first come."""
    import tensorflow as tf

    rows, places = tf.unique(slices.indices, out_idx=slices.indices.dtype)
    values = tf.math.unsorted_segment_sum(slices.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, slices.dense_shape)


def mean_of(slices: Any, name: str, wire: str) -> Any:
    """The mean over the ranks of a sparse gradient, sparse.

    Ranks touch different numbers of rows, so they first sum how many: all take the same road, rows or whole table.

    Args:
        slices: `tf.IndexedSlices` with a dense shape.
        name: of this collective. wire: the dtype of values on the way.
    """
    import horovod.tensorflow as hvd
    import tensorflow as tf

    mine = sum_repeats(slices)
    shape = tf.cast(mine.dense_shape, tf.int64)
    row_bytes = tf.reduce_prod(shape[1:]) * tf.as_dtype(wire).size
    rows = hvd.allreduce(tf.size(mine.indices, tf.int64), op=hvd.Sum, name=f"laketrain_{name}_rows",
                         ignore_name_scope=True)
    # A ring allreduce sends the table almost twice, a ring allgather each row almost once.
    less = rows * (row_bytes + mine.indices.dtype.size) < 2 * shape[0] * row_bytes
    values, indices = tf.cond(less, lambda: _gathered(mine, name, wire), lambda: _whole_table(mine, name, wire))
    return tf.IndexedSlices(values, indices, slices.dense_shape)


def _gathered(mine: Any, name: str, wire: str) -> tuple[Any, Any]:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    indices = hvd.allgather(mine.indices, name=f"laketrain_{name}_indices", ignore_name_scope=True)
    if wire in halves.HALVES:
        shift, = halves.agreed_shifts([mine.values], wire, name)
        bits = hvd.allgather(halves.encode(mine.values, wire, shift), name=f"laketrain_{name}_values",
                             ignore_name_scope=True)
        values = halves.decode(bits, wire, shift, mine.values.dtype)
    else:
        values = hvd.allgather(tf.cast(mine.values, wire), name=f"laketrain_{name}_values", ignore_name_scope=True)
    total = sum_repeats(tf.IndexedSlices(values / hvd.size(), indices, mine.dense_shape))
    return tf.cast(total.values, mine.values.dtype), total.indices


def _whole_table(mine: Any, name: str, wire: str) -> tuple[Any, Any]:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    table = tf.convert_to_tensor(mine)
    if wire in halves.HALVES:
        table, = halves.means([table], wire, f"{name}_table")
    else:
        table = hvd.allreduce(tf.cast(table, wire), op=hvd.Average, name=f"laketrain_{name}_table",
                              ignore_name_scope=True)
    return tf.cast(table, mine.values.dtype), tf.range(tf.cast(mine.dense_shape[0], mine.indices.dtype))
