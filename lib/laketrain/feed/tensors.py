"""A rank's batches as tensors, made ahead of the step that uses them.

    with closing(tensor_steps(plan, reader, rank=0, ranks=2, epoch=0, epochs=5)) as steps:
        for inputs, targets, weights, real in steps: ...
    dataset = as_tf_dataset(plan, reader)          # the same as a tf.data.Dataset, e.g. for model.fit

A pool's rows are gathered by NumPy for some steps at once, and become tensors in one piece that TensorFlow cuts up
without copying: at this size a step's own Python and TensorFlow calls would cost more than its bytes.

Importing this module does not import TensorFlow; calling it does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.features import FeatureSet
from laketrain.feed.ahead import Ahead
from laketrain.feed.batches import Pool, pools
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader, aligned
from laketrain.feed.views import Views

if TYPE_CHECKING:
    import tensorflow as tf

Step = tuple[Any, Any, Any, Any]
"""(inputs, targets, weights, real), as `tensor_steps` describes them."""

CHUNK_BYTES = 4 << 20
CHUNKS_AHEAD = 2


def tensor_steps(plan: LanePlan, reader: RowReader, *, rank: int = 0, ranks: int = 1, epoch: int = 0,
                 start_step: int = 0, epochs: int = 1, augment: Augment | None = None) -> Generator[Step, None, None]:
    """The rank's batches from `start_step` of `epoch` to the end of the last of `epochs` epochs, in fixed order.

    Each is (inputs, targets, weights, real):
        inputs: name -> (rank's batch, *shape), as stored (uint8 stays uint8).
        targets: the tensor where there is one target, else name -> tensor.
        weights: (rank's batch,) float32, 0 for padding, else 1 or the row's own weight where a feature has that role.
        real: int32 scalar, the rows of the whole global batch that are no padding.

    With `augment`, images are random views of what is stored, drawn for each row and epoch by the plan's seed. With its
    `mixup` or `cutmix`, rows are mixed within each lane's slice, and the target is no longer (rank's batch,) int64
    labels but (rank's batch, classes) float32 shares that sum to 1; weights are mixed as labels are, padding stays 0.

    Raises:
        LaunchError: the ranks don't divide the lanes; rows are to be mixed, and a lane has one row in a step.
        DataError: the plan and the reader differ in rows; `augment` asks for what the features don't have; where a step
            is due, a file that can't be read.
        IndexError: there is no such step.
    """
    source = pools(plan, reader, rank, ranks, epoch, start_step, epochs)
    parts = _Parts.of(reader, plan, augment)
    # What can't be is refused by the call, not by the first step.
    return _ahead(_chunks(source, parts), reader)


def as_tf_dataset(plan: LanePlan, reader: RowReader, *, rank: int = 0, ranks: int = 1, epoch: int = 0,
                  start_step: int = 0, epochs: int = 1, augment: Augment | None = None) -> tf.data.Dataset:
    """What `tensor_steps` gives, as a dataset that can be run through again.

    An error of the reader reaches the consumer as TensorFlow's, with the reader's message in it. Raises at once what
    `tensor_steps` does.
    """
    import tensorflow as tf

    asked = {"rank": rank, "ranks": ranks, "epoch": epoch, "start_step": start_step, "epochs": epochs}
    pools(plan, reader, **asked).close()
    parts = _Parts.of(reader, plan, augment)
    width = len(plan.lanes_of(rank, ranks)) * plan.slice

    def generate() -> Iterator[Step]:
        with closing(tensor_steps(plan, reader, **asked, augment=augment)) as steps:
            yield from steps

    def spec(name: str) -> tf.TensorSpec:
        if name in parts.targets and parts.views is not None and parts.views.label is not None:
            return tf.TensorSpec((width, len(parts.views.label.class_labels)), tf.float32)
        return tf.TensorSpec((width, *reader.features[name].shape), reader.features[name].dtype)

    inputs, targets = ({name: spec(name) for name in names} for names in (parts.inputs, parts.targets))
    signature = (inputs, parts.answer(targets), tf.TensorSpec((width,), tf.float32),
                 tf.TensorSpec((), tf.int32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(epochs * plan.steps - start_step))


@dataclass(frozen=True)
class _Parts:
    """Which of the reader's columns play which part, and how images are seen."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weight: str | None
    views: Views | None

    @classmethod
    def of(cls, reader: RowReader, plan: LanePlan, augment: Augment | None) -> _Parts:
        features: FeatureSet = reader.features
        inputs, targets, weights = (tuple(name for name in reader.columns if features[name].role == role)
                                    for role in ("input", "target", "weight"))
        views = None
        if augment is not None:
            views = Views.of({name: features[name] for name in (*inputs, *targets)}, plan, augment)
        return cls(inputs, targets, weights[0] if weights else None, views)

    def answer(self, targets: dict[str, Any]) -> Any:
        """As the model's loss wants them: the only one, or all by name."""
        return targets[self.targets[0]] if len(self.targets) == 1 else targets


def _ahead(chunks: Generator[list[Step], None, None], reader: RowReader) -> Generator[Step, None, None]:
    def steps() -> Generator[Step, None, None]:
        with Ahead(chunks, CHUNKS_AHEAD, "tensors", doing=lambda: reader.doing) as made:
            for chunk in made:
                yield from chunk

    return steps()


def _chunks(source: Generator[Pool, None, None], parts: _Parts) -> Generator[list[Step], None, None]:
    with closing(source):
        for pool in source:
            row_bytes = sum(values[:1].nbytes for values in pool.arrays.values())
            count = max(1, CHUNK_BYTES // max(1, row_bytes * pool.index.shape[1]))
            for first in range(0, len(pool.index), count):
                yield _steps(pool, slice(first, first + count), parts)
            del pool  # before the one after next is read


def _steps(pool: Pool, chosen: slice, parts: _Parts) -> list[Step]:
    """Some steps of a pool, one after the other."""
    import tensorflow as tf

    index, weights = pool.index[chosen], pool.weights[chosen]
    arrays = {name: _gather(pool.arrays[name], index.reshape(-1)) for name in (*parts.inputs, *parts.targets)}
    if parts.weight is not None:
        weights = weights * pool.arrays[parts.weight][index]
    if parts.views is not None:
        arrays, weights = _augmented(pool, chosen, parts, parts.views, arrays, weights)
    with tf.device("CPU:0"):
        gathered = {name: _cut(values.reshape(*index.shape, *values.shape[1:])) for name, values in arrays.items()}
        rest = zip(_cut(weights), _cut(pool.real[chosen]), strict=True)
    return [({name: gathered[name][step] for name in parts.inputs},
             parts.answer({name: gathered[name][step] for name in parts.targets}), weight, real)
            for step, (weight, real) in enumerate(rest)]


def _augmented(pool: Pool, chosen: slice, parts: _Parts, views: Views, arrays: dict[str, npt.NDArray[Any]],
               weights: npt.NDArray[np.float32]) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.float32]]:
    """The steps' arrays, (steps * batch, *shape), and weights, (steps, batch), as `views` shows them."""
    rows = pool.rows[pool.index[chosen]]
    seen = {name: views.view(name, values, pool.epoch, rows.reshape(-1)) for name, values in arrays.items()}
    mix = views.mix(pool.epoch, rows, weights)
    if mix is None or views.label is None:
        return seen, weights
    (image,), (label,), flat = parts.inputs, parts.targets, weights.reshape(-1)
    seen = {image: mix.images(seen[image]), label: mix.labels(seen[label], len(views.label.class_labels), flat)}
    return seen, mix.weights(flat).reshape(weights.shape)


def _cut(array: Any) -> list[tf.Tensor]:
    """The first axis as a list of tensors."""
    import tensorflow as tf

    return list(tf.unstack(tf.convert_to_tensor(array), num=array.shape[0]))


def _gather(values: npt.NDArray[Any], rows: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    out = aligned((len(rows), *values.shape[1:]), values.dtype)
    # Without a mode NumPy gathers into a buffer of its own first.
    return np.take(values, rows, axis=0, out=out, mode="clip")
