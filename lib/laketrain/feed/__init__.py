"""The feed: decides which rank trains on which row when, reads the rows, and makes tensors of them.

    reader = RowReader(lake.store, files, features, ["image", "label"])
    plan = LanePlan.of(reader.rows, batch=128, row_bytes=reader.row_bytes, seed=1)
    for x, y, sample_weight, count in tensor_batches(plan, reader, rank=0, ranks=2, epoch=0): ...

`lanes` plans with integers alone, `rows` reads Parquet, `shuffle_buffer` makes NumPy batches, `tensors` TensorFlow's.
Whatever implements `RowSource` can take the place of `RowReader`.
"""

from laketrain.feed.feed import BucketSchedule, Feed
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.feed.shuffle_buffer import ArrayBatch, ShuffleBuffer, array_batches, shuffle_buffers
from laketrain.feed.source import RowSource
from laketrain.feed.tensors import Batch, as_tf_dataset, tensor_batches

__all__ = ["ArrayBatch", "Batch", "BucketSchedule", "Feed", "LanePlan", "RowReader", "RowSource", "ShuffleBuffer",
           "array_batches", "as_tf_dataset", "shuffle_buffers", "tensor_batches"]
