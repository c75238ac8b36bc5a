"""The feed: which rank sees which row when, and the tensors it sees. Integers first, then Parquet, then TensorFlow.

    reader = RowReader(lake.store, files, features, ["image", "label"])
    plan = LanePlan.of(reader.rows, batch=128, row_bytes=reader.row_bytes, seed=1)
    steps = tensor_steps(plan, reader, rank=0, ranks=2, epoch=0)
"""

from laketrain.feed.batches import Batch, Pool, batches, pools
from laketrain.feed.feed import Feed, Turns
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.feed.tensors import as_tf_dataset, tensor_steps

__all__ = ["Batch", "Feed", "LanePlan", "Pool", "RowReader", "Turns", "as_tf_dataset", "batches", "pools",
           "tensor_steps"]
