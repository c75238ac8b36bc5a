"""What a distributed optimizer does to its gradients: their mean over the ranks, and the time that it took.

    averaging = Averaging(world, "float32")
    averaging([gradient, None])  ->  [mean, None];  averaging.seconds  ->  0.004
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from laketrain.distributed import slices
from laketrain.distributed.naming import next_number
from laketrain.distributed.world import World


class Averaging:
    """The averaging of one optimizer's gradients.

    Args:
        world: the ranks. wire: the dtype of floats on the way.

    Attributes:
        seconds: spent in averaging so far, waiting for the other ranks included.
    """

    def __init__(self, world: World, wire: str) -> None:
        self.world, self.wire = world, wire
        # Two optimizers in one model (a generator's and a discriminator's) may be in flight together.
        self.name = f"gradients_{next_number()}"
        self._spent: Any = None

    def __repr__(self) -> str:
        return f"{self.world}, wire={self.wire!r}"

    def __call__(self, gradients: Sequence[Any]) -> list[Any]:
        """The mean over the ranks of each gradient, sparse ones with each row once. `None`s stay `None`, and of `None`s
        alone nobody is asked.
        """
        gradients = list(gradients)
        if self.world.is_serial:
            return [slices.sum_repeats(each) if slices.is_sparse(each) else each for each in gradients]
        return gradients if all(gradient is None for gradient in gradients) else self._timed(gradients)

    def agree(self, fine: Any) -> Any:
        """Whether `fine`, a scalar boolean tensor, is true on every rank."""
        import tensorflow as tf

        share, = self.world.average([tf.cast(fine, tf.float32)], f"{self.name}_agreed")
        return share > 1.0 - 0.5 / self.world.size

    @property
    def seconds(self) -> float:
        return 0.0 if self._spent is None else float(self._spent.numpy())

    def _timed(self, gradients: list[Any]) -> list[Any]:
        import tensorflow as tf

        self._begin()
        with tf.control_dependencies(_tensors(gradients)):
            started = _now()
        # Nothing is sent before the clock runs: in a graph, only dependencies say what comes first.
        with tf.control_dependencies([started]):
            gradients = [gradient if gradient is None else tf.identity(gradient) for gradient in gradients]
        means = self.world.average(gradients, self.name, self.wire)
        with tf.control_dependencies(_tensors(means)):
            self._spent.assign_add(_now() - started)
        return means

    def _begin(self) -> None:
        """The sum of seconds is TensorFlow's own variable, made outside any graph: no optimizer tracks or saves it."""
        import tensorflow as tf

        if self._spent is None:
            with tf.init_scope():
                self._spent = tf.Variable(0.0, dtype=tf.float64, trainable=False)


def _now() -> Any:
    """Seconds, as a tensor that is filled when the graph comes here. TensorFlow's own clock is refused where kernels
    are deterministic, which ours always are."""
    import tensorflow as tf

    now = tf.numpy_function(lambda: np.float64(time.monotonic()), [], tf.float64, stateful=True)
    now.set_shape(())
    return now


def _tensors(gradients: Sequence[Any]) -> list[Any]:
    import tensorflow as tf

    return [part for part in tf.nest.flatten(list(gradients), expand_composites=True) if part is not None]
