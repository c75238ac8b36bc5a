"""Whether a training moves the weights at all: a model that never took a step must not pass for a trained one.

    still = Still.of(model, state)          # before the first step
    why = still.why(model)                  # after the first epoch: None, or what is wrong and what may help

Whatever the reason is (no gradient reaches a weight, all rows weigh 0, every step overflows, a step of the user's own
that applies nothing), the weights themselves show it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from laketrain.train.checkpoint import State

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Still:
    """A checksum of each weight that is learnt, as they began."""

    sums: tuple[int, ...]

    @classmethod
    def of(cls, model: keras.Model, state: State) -> Still | None:
        """None where the training has begun before."""
        if state.epochs or state.step:
            return None
        return cls(tuple(_sum(variable) for variable in model.trainable_variables))

    def why(self, model: keras.Model) -> tuple[str, str] | None:
        """None as soon as one weight differs."""
        variables = model.trainable_variables
        if any(_sum(variable) != before for variable, before in zip(variables, self.sums, strict=True)):
            return None
        optimizer = model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if not int(inner.iterations.numpy()):
            return _NO_STEP if inner is optimizer else _OVERFLOWED
        return _NO_GRADIENT


_CHANGED = "has changed none of the weights that are to be learnt: "
_NO_STEP = (_CHANGED + "the optimizer took no step",
            "a train step of your own must call model.optimizer.apply(gradients, model.trainable_weights)")
_OVERFLOWED = (_CHANGED + "the gradients of every step overflow float16",
               "use precision: bfloat16 or float32, or clip what makes them so large")
_NO_GRADIENT = (_CHANGED + "all gradients are 0, or too small for the learning rate",
                "look for weights of rows that are all 0, a loss that does not depend on the model, a learning rate "
                "that is 0")


def _sum(variable: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(variable.numpy()).tobytes())
