"""Any Keras optimizer becomes a distributed one: its `apply` first averages the gradients over the ranks.

    optimizer = distribute(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), world)

It stays the same object of the same class: it saves, loads and copies as the plain optimizer. Clipping, loss scaling,
weight decay, moving averages and gradient accumulation are inside `apply`, so they see averaged gradients, and every
rank takes the same step. Distribute the outermost optimizer (the `LossScaleOptimizer`, not the one inside it), or ranks
would disagree on which steps are finite. A train step that contains `apply` can't be compiled with XLA: Horovod's
kernels are none of XLA's, so compile the model with `jit_compile=False`.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from laketrain.distributed.world import World
from laketrain.errors import LaunchError

_MARK = "_laketrain_world"


def distribute(optimizer: Any, world: World) -> Any:
    """Make `optimizer` average the gradients of all ranks before it applies them, and return it. Once is enough.

    Gradients that are None stay so (they must be None on every rank), sparse slices are made dense.

    Raises:
        LaunchError: it was distributed before, over another world.
    """
    before = getattr(optimizer, _MARK, None)
    if before is not None and before != world:
        raise LaunchError("train", f"optimizer {optimizer.name!r}",
                          f"is already distributed over {before}, not {world}", "make a new optimizer for each task")
    if world.is_serial or before is not None:
        return optimizer
    apply = optimizer.apply
    # Two optimizers in one model (a generator's and a discriminator's) may be in flight together: their names differ.
    # The name that Keras gives an optimizer would differ between a fresh and a reused process, so it is not used.
    name = f"gradients_{next(_numbers)}"

    @functools.wraps(apply)
    def apply_averaged(grads: Any, trainable_variables: Any = None) -> Any:
        grads = list(grads)
        if all(gradient is None for gradient in grads):
            return apply(grads, trainable_variables)
        return apply(world.average(grads, name), trainable_variables)

    optimizer.apply = apply_averaged
    setattr(optimizer, _MARK, world)
    return optimizer


_numbers = itertools.count(1)


def restart_numbers() -> None:
    """Number the optimizers from 1 again: a reused process must agree with a fresh one on their names."""
    global _numbers
    _numbers = itertools.count(1)
