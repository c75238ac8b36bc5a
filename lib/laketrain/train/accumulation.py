"""With `accumulate`, which batches share one update of the weights: k in a row, and the rest at the end of an epoch.

    groups = AccumulationGroups(networks.optimizers)
    with groups.batch(last=step + 1 == steps):
        train(batch)

Keras only counts batches and updates the weights at every k-th one. With seven batches and k = 4 the last three would
wait for the next epoch, which may not come, and a training of fewer than k batches would never update anything. Here
the last batch of an epoch completes its group. That update uses the mean of the group's gradients, so each batch counts
the same, and the next epoch starts a new group. Where k divides the batches of an epoch, this changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class AccumulationGroups:
    """The groups of each optimizer. An optimizer may be a LossScaleOptimizer, and must not be traced yet."""

    def __init__(self, optimizers: Iterable[keras.optimizers.Optimizer]) -> None:
        self._groups = [_Group(getattr(optimizer, "inner_optimizer", optimizer)) for optimizer in optimizers]

    @contextmanager
    def batch(self, last: bool) -> Iterator[None]:
        """Wraps a batch's step; `last` of its epoch."""
        with ExitStack() as stack:
            for group in self._groups:
                stack.enter_context(group.batch(last))
            yield


class _Group:
    """The current group of one optimizer."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self._size = optimizer.gradient_accumulation_steps or 1
        self._factor: Any = None
        if self._size > 1:
            self._scale_gradients()

    @contextmanager
    def batch(self, last: bool) -> Iterator[None]:
        count = self._optimizer._iterations
        before = int(count.numpy()) if self._size > 1 and last else 0
        batches = before % self._size + 1
        if not last or batches == self._size:
            yield
            return
        self._factor.assign(self._size / batches)
        count.assign(before + self._size - batches)
        yield
        self._factor.assign(1.0)
        if int(count.numpy()) % self._size:  # the update was skipped (overflow): the group waits for another batch
            count.assign(before)

    def _scale_gradients(self) -> None:
        """Keras divides the sum by k; this turns it into the mean of the gradients there are, before clipping."""
        import tensorflow as tf

        self._factor = tf.Variable(1.0, trainable=False)  # not a variable of the optimizer, so it isn't saved
        clip = self._optimizer._clip_gradients

        def scaled(gradients: Any) -> Any:
            return clip([gradient if gradient is None else gradient * tf.cast(self._factor, gradient.dtype)
                         for gradient in gradients])

        self._optimizer._clip_gradients = scaled


def updates_per_epoch(steps: int, accumulate: int) -> int:
    """Updates of the weights in an epoch of `steps` batches."""
    return -(-steps // accumulate)
