"""With `accumulate`, which batches make a step of the weights together: so many, and at the end of an epoch the rest.

    groups = Groups(model.optimizer)
    with groups.batch(last=step + 1 == steps):
        train(batch)

Keras counts batches alone, and takes a step at each k-th: of seven batches and k = 4 the last three would wait for an
epoch that may not come, and a training of fewer than k batches would never step at all. Here the last batch of an
epoch completes its group. The step is then by the mean of the gradients that there are, each batch counting as much as
any other, and the next epoch begins a group of its own. Where k divides the batches of an epoch, nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class Groups:
    """The groups of an optimizer; it may be a LossScaleOptimizer, and must not have been traced into a graph yet."""

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self._size = self._optimizer.gradient_accumulation_steps or 1
        self._factor: Any = None
        if self._size > 1:
            self._hook()

    @contextmanager
    def batch(self, last: bool) -> Iterator[None]:
        """Around a batch's step; `last` of its epoch."""
        count = self._optimizer._iterations
        before = int(count.numpy()) if self._size > 1 and last else 0
        gathered = before % self._size + 1
        if not last or gathered == self._size:
            yield
            return
        self._factor.assign(self._size / gathered)
        count.assign(before + self._size - gathered)
        yield
        self._factor.assign(1.0)
        if int(count.numpy()) % self._size:  # its gradients overflowed and were skipped: the group waits for another
            count.assign(before)

    def _hook(self) -> None:
        """Keras divides the sum by k; before it clips, the mean of fewer gradients is made of that."""
        import tensorflow as tf

        self._factor = tf.Variable(1.0, trainable=False)  # none of the optimizer's own: nobody saves it
        clip = self._optimizer._clip_gradients

        def scaled(gradients: Any) -> Any:
            return clip([gradient if gradient is None else gradient * tf.cast(self._factor, gradient.dtype)
                         for gradient in gradients])

        self._optimizer._clip_gradients = scaled


def updates_of(steps: int, together: int) -> int:
    """Steps of the weights in an epoch of so many batches."""
    return -(-steps // together)
