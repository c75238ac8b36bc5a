"""A rank's batches as tensors: NumPy pools are handed to TensorFlow, which gathers every step's rows from them.

    dataset = as_tf_dataset(plan, reader, rank=0, ranks=2, epoch=0, epochs=5)
    for inputs, targets, weights, real in dataset: ...

Importing this module does not import TensorFlow; calling it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from laketrain.config.train import Augment
from laketrain.features import Image
from laketrain.feed.augment import affine_transforms
from laketrain.feed.batches import pools
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader

if TYPE_CHECKING:
    import tensorflow as tf

PREFETCH = 2
_VIEW = "view of "


def as_tf_dataset(plan: LanePlan, reader: RowReader, *, rank: int = 0, ranks: int = 1, epoch: int = 0,
                  start_step: int = 0, epochs: int = 1, augment: Augment | None = None) -> tf.data.Dataset:
    """The rank's batches from `start_step` of `epoch` to the end of the last of `epochs` epochs, in fixed order.

    Elements are (inputs, targets, weights, real):
        inputs: name -> (rank's batch, *shape), as stored (uint8 stays uint8).
        targets: the tensor where there is one target, else name -> tensor.
        weights: (rank's batch,) float32, 0 for padding.
        real: int32 scalar, the rows of the whole global batch that are no padding.

    With `augment`, images are random views of what is stored, drawn for each row and epoch by the plan's seed.

    An error of the reader reaches the consumer as TensorFlow's, with the reader's message in it.

    Raises:
        LaunchError: the ranks don't divide the lanes.
        DataError: the plan and the reader differ in rows.
        IndexError: there is no such step.
    """
    import tensorflow as tf

    read = [name for name in reader.columns if reader.features[name].role in ("input", "target")]
    inputs = [name for name in read if reader.features[name].role == "input"]
    targets = [name for name in read if reader.features[name].role == "target"]
    # What can't be is refused now, not inside TensorFlow.
    pools(plan, reader, rank, ranks, epoch, start_step, epochs).close()
    width = len(plan.lanes_of(rank, ranks)) * plan.slice
    images = {name: feature.shape[:2] for name in inputs
              if augment is not None and isinstance(feature := reader.features[name], Image)}

    def generate() -> Iterator[tuple[Any, ...]]:
        with closing(pools(plan, reader, rank, ranks, epoch, start_step, epochs)) as source:
            for pool in source:
                arrays = {name: pool.arrays[name] for name in read}
                if augment is not None:
                    arrays |= {_VIEW + name: affine_transforms(augment, plan.seed, pool.epoch, pool.rows, size)
                               for name, size in images.items()}
                yield arrays, pool.index, pool.weights, pool.real
                del pool  # before the one after next is read

    def steps(arrays: dict[str, tf.Tensor], index: tf.Tensor, weights: tf.Tensor, real: tf.Tensor) -> tf.data.Dataset:
        def gather(rows: tf.Tensor, weight: tf.Tensor, count: tf.Tensor) -> tuple[Any, ...]:
            batch = {name: tf.gather(values, rows) for name, values in arrays.items()}
            for name in images:
                batch[name] = _viewed(batch[name], batch[_VIEW + name])
            wanted = {name: batch[name] for name in targets}
            return ({name: batch[name] for name in inputs}, wanted[targets[0]] if len(targets) == 1 else wanted,
                    weight, count)

        return tf.data.Dataset.from_tensor_slices((index, weights, real)).map(gather)

    stored = {name: tf.TensorSpec((None, *reader.features[name].shape), reader.features[name].dtype) for name in read}
    views = {_VIEW + name: tf.TensorSpec((None, 8), tf.float32) for name in images}
    signature = (stored | views, tf.TensorSpec((None, width), tf.int32), tf.TensorSpec((None, width), tf.float32),
                 tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature).flat_map(steps)
    length = epochs * plan.steps - start_step
    return dataset.apply(tf.data.experimental.assert_cardinality(length)).prefetch(PREFETCH)


def _viewed(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """(b, h, w, c) images as their (b, 8) transforms show them, black where nothing is."""
    import tensorflow as tf

    seen = tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=transforms, output_shape=tf.shape(images)[1:3], interpolation="BILINEAR",
        fill_mode="CONSTANT", fill_value=0.0)
    return tf.ensure_shape(seen, images.shape)
