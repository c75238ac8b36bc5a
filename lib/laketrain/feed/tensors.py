"""A rank's batches as tensors, prefetched.

    with closing(tensor_batches(plan, reader, rank=0, ranks=2, epoch=0, epochs=5)) as batches:
        for x, y, sample_weight, count in batches: ...
    dataset = as_tf_dataset(plan, reader)          # the same as a tf.data.Dataset

NumPy gathers the rows of some steps at once. They become one tensor, which TensorFlow cuts up without copying: a step's
own Python and TensorFlow calls would cost more than its bytes.

Importing this module does not import TensorFlow; calling it does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.features import FeatureSet
from laketrain.feed.augment import Augmenter
from laketrain.feed.lanes import LanePlan
from laketrain.feed.prefetch import Prefetcher
from laketrain.feed.rows import empty_aligned
from laketrain.feed.shuffle_buffer import ShuffleBuffer, shuffle_buffers
from laketrain.feed.source import Arrays, RowSource

if TYPE_CHECKING:
    import tensorflow as tf

CHUNK_BYTES = 4 << 20
PREFETCHED_CHUNKS = 2


class Batch(NamedTuple):
    """A rank's part of a global batch, as tensors.

    Attributes:
        x: input's name -> (rank's batch, *shape), as stored (uint8 stays uint8).
        y: the target's tensor if there is one target, else name -> tensor.
        sample_weight: (rank's batch,) float32, 0 for padding, else 1 or the value of the feature with role weight.
        count: int32 scalar, the rows of the whole global batch without padding.
    """

    x: dict[str, Any]
    y: Any
    sample_weight: Any
    count: Any


def tensor_batches(plan: LanePlan, source: RowSource, *, rank: int = 0, ranks: int = 1, epoch: int = 0,
                   start_step: int = 0, epochs: int = 1, augment: Augment | None = None
                   ) -> Generator[Batch, None, None]:
    """The rank's batches from `start_step` of `epoch` to the end of the last of `epochs` epochs, in fixed order.

    With `augment`, images are augmented, randomly by the plan's seed, the epoch and the row. With its `mixup` or
    `cutmix`, rows are mixed within each lane's slice. The target is then (rank's batch, classes) float32 shares that
    sum to 1, instead of (rank's batch,) int64 labels; weights are mixed as labels are, and padding's weight stays 0.

    Raises:
        LaunchError: the ranks don't divide the lanes; rows are to be mixed, and a lane has one row in a step.
        DataError: the plan and the source differ in rows; `augment` doesn't fit the features; while iterating, a file
            can't be read.
        IndexError: there is no such step.
    """
    buffers = shuffle_buffers(plan, source, rank, ranks, epoch, start_step, epochs)
    columns = _Columns.of(source, plan, augment)
    # The generator is a function of its own, so that this call raises the errors above, not the first step.
    return _prefetch(_chunks(buffers, columns), source)


def as_tf_dataset(plan: LanePlan, source: RowSource, *, rank: int = 0, ranks: int = 1, epoch: int = 0,
                  start_step: int = 0, epochs: int = 1, augment: Augment | None = None) -> tf.data.Dataset:
    """The batches of `tensor_batches` as a dataset of plain tuples; it can be iterated more than once.

    Raises the errors of `tensor_batches` at once. An error of the source reaches the consumer as a TensorFlow error
    that contains the source's message.
    """
    import tensorflow as tf

    position = {"rank": rank, "ranks": ranks, "epoch": epoch, "start_step": start_step, "epochs": epochs}
    shuffle_buffers(plan, source, **position).close()
    columns = _Columns.of(source, plan, augment)
    width = len(plan.lanes_of(rank, ranks)) * plan.slice

    def generate() -> Iterator[tuple[Any, ...]]:
        with closing(tensor_batches(plan, source, **position, augment=augment)) as batches:
            for batch in batches:
                yield tuple(batch)

    def spec(name: str) -> tf.TensorSpec:
        if name in columns.targets and columns.augmenter is not None and columns.augmenter.label is not None:
            return tf.TensorSpec((width, len(columns.augmenter.label.class_labels)), tf.float32)
        return tf.TensorSpec((width, *source.features[name].shape), source.features[name].dtype)

    inputs, targets = ({name: spec(name) for name in names} for names in (columns.inputs, columns.targets))
    signature = (inputs, columns.y(targets), tf.TensorSpec((width,), tf.float32),
                 tf.TensorSpec((), tf.int32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(epochs * plan.steps - start_step))


@dataclass(frozen=True)
class _Columns:
    """The source's columns by role, and how images are augmented."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weight: str | None
    augmenter: Augmenter | None

    @classmethod
    def of(cls, source: RowSource, plan: LanePlan, augment: Augment | None) -> _Columns:
        features: FeatureSet = source.features
        inputs, targets, weights = (tuple(name for name in source.columns if features[name].role == role)
                                    for role in ("input", "target", "weight"))
        augmenter = None
        if augment is not None:
            augmenter = Augmenter.of({name: features[name] for name in (*inputs, *targets)}, plan, augment)
        return cls(inputs, targets, weights[0] if weights else None, augmenter)

    def y(self, targets: dict[str, Any]) -> Any:
        """Targets as the model's loss takes them: the only one, or all by name."""
        return targets[self.targets[0]] if len(self.targets) == 1 else targets


def _prefetch(chunks: Generator[list[Batch], None, None], source: RowSource) -> Generator[Batch, None, None]:
    def batches() -> Generator[Batch, None, None]:
        with Prefetcher(chunks, PREFETCHED_CHUNKS, "tensors", describe=lambda: source.current_read) as prefetched:
            for chunk in prefetched:
                yield from chunk

    return batches()


def _chunks(buffers: Generator[ShuffleBuffer, None, None], columns: _Columns) -> Generator[list[Batch], None, None]:
    with closing(buffers):
        for buffer in buffers:
            row_bytes = sum(values[:1].nbytes for values in buffer.arrays.values())
            count = max(1, CHUNK_BYTES // max(1, row_bytes * buffer.index.shape[1]))
            for first in range(0, len(buffer.index), count):
                yield _batches(buffer, slice(first, first + count), columns)
            del buffer  # frees it before the prefetcher reads the one after next


def _batches(buffer: ShuffleBuffer, steps: slice, columns: _Columns) -> list[Batch]:
    """Some steps of a buffer, in order."""
    import tensorflow as tf

    index, weights = buffer.index[steps], buffer.weights[steps]
    arrays = {name: _gather(buffer.arrays[name], index.reshape(-1)) for name in (*columns.inputs, *columns.targets)}
    if columns.weight is not None:
        weights = weights * buffer.arrays[columns.weight][index]
    if columns.augmenter is not None:
        arrays, weights = _augment(buffer, steps, columns, columns.augmenter, arrays, weights)
    with tf.device("CPU:0"):
        tensors = {name: _unstack(values.reshape(*index.shape, *values.shape[1:])) for name, values in arrays.items()}
        rest = zip(_unstack(weights), _unstack(buffer.valid_count[steps]), strict=True)
    return [Batch({name: tensors[name][step] for name in columns.inputs},
                  columns.y({name: tensors[name][step] for name in columns.targets}), weight, count)
            for step, (weight, count) in enumerate(rest)]


def _augment(buffer: ShuffleBuffer, steps: slice, columns: _Columns, augmenter: Augmenter, arrays: Arrays,
             weights: npt.NDArray[np.float32]) -> tuple[Arrays, npt.NDArray[np.float32]]:
    """The steps' arrays, (steps * batch, *shape), and weights, (steps, batch), augmented."""
    rows = buffer.rows[buffer.index[steps]]
    augmented = {name: augmenter.augment(name, values, buffer.epoch, rows.reshape(-1))
                 for name, values in arrays.items()}
    mix = augmenter.mix(buffer.epoch, rows, weights)
    if mix is None or augmenter.label is None:
        return augmented, weights
    (image,), (label,), flat = columns.inputs, columns.targets, weights.reshape(-1)
    mixed: Arrays = {image: mix.images(augmented[image]),
                     label: mix.labels(augmented[label], len(augmenter.label.class_labels), flat)}
    return mixed, mix.weights(flat).reshape(weights.shape)


def _unstack(array: Any) -> list[tf.Tensor]:
    """The first axis as a list of tensors."""
    import tensorflow as tf

    return list(tf.unstack(tf.convert_to_tensor(array), num=array.shape[0]))


def _gather(values: npt.NDArray[Any], rows: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    out = empty_aligned((len(rows), *values.shape[1:]), values.dtype)
    # With the default mode, NumPy would gather into a buffer of its own first.
    return np.take(values, rows, axis=0, out=out, mode="clip")
