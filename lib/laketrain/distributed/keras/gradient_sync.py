"""Averages the gradients of a distributed optimizer over the ranks, and measures how long that takes.

    sync = GradientSync(world, "float32")
    sync([gradient, None])  ->  [mean, None];  sync.seconds  ->  0.004
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from laketrain.distributed.collectives.collective_names import next_number
from laketrain.distributed.collectives.sparse_gradients import is_sparse, sum_duplicate_rows
from laketrain.distributed.world import World


class GradientSync:
    """Averages the gradients of one optimizer.

    Args:
        world: the ranks. gradient_dtype: the dtype in which gradients are sent.

    Attributes:
        seconds: spent in averaging so far, including the wait for other ranks.
    """

    def __init__(self, world: World, gradient_dtype: str) -> None:
        self.world, self.gradient_dtype = world, gradient_dtype
        # Two optimizers in one model (a generator's and a discriminator's) may average at the same time.
        self.name = f"gradients_{next_number()}"
        self._seconds: Any = None

    def __repr__(self) -> str:
        return f"{self.world}, gradient_dtype={self.gradient_dtype!r}"

    def __call__(self, gradients: Sequence[Any]) -> list[Any]:
        """The mean over the ranks of each gradient; sparse ones have each row once. `None`s stay `None`. If all are
        `None`, nothing is sent.
        """
        gradients = list(gradients)
        if self.world.is_serial:
            return [sum_duplicate_rows(each) if is_sparse(each) else each for each in gradients]
        return gradients if all(gradient is None for gradient in gradients) else self._timed_average(gradients)

    def all_true(self, flag: Any) -> Any:
        """Whether `flag`, a scalar boolean tensor, is true on every rank."""
        import tensorflow as tf

        share, = self.world.average([tf.cast(flag, tf.float32)], f"{self.name}_all_true")
        return share > 1.0 - 0.5 / self.world.size

    @property
    def seconds(self) -> float:
        return 0.0 if self._seconds is None else float(self._seconds.numpy())

    def _timed_average(self, gradients: list[Any]) -> list[Any]:
        import tensorflow as tf

        self._create_timer()
        with tf.control_dependencies(_tensors(gradients)):
            started = _now()
        # The gradients depend on the start time, so that a graph sends nothing before the clock starts.
        with tf.control_dependencies([started]):
            gradients = [gradient if gradient is None else tf.identity(gradient) for gradient in gradients]
        means = self.world.average(gradients, self.name, self.gradient_dtype)
        with tf.control_dependencies(_tensors(means)):
            self._seconds.assign_add(_now() - started)
        return means

    def _create_timer(self) -> None:
        """The sum of seconds, a TensorFlow variable created outside any graph. No optimizer tracks or saves it."""
        import tensorflow as tf

        if self._seconds is None:
            with tf.init_scope():
                self._seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)


def _now() -> Any:
    """Seconds, as a tensor that is evaluated when the graph reaches it. TensorFlow refuses its own clock (tf.timestamp)
    with deterministic kernels, which training uses."""
    import tensorflow as tf

    now = tf.numpy_function(lambda: np.float64(time.monotonic()), [], tf.float64, stateful=True)
    now.set_shape(())
    return now


def _tensors(gradients: Sequence[Any]) -> list[Any]:
    import tensorflow as tf

    return [part for part in tf.nest.flatten(list(gradients), expand_composites=True) if part is not None]
