"""Detects a training that changes no weight, so that an untrained model is never committed as a trained one.

    initial = InitialWeights.of(networks, state)      # before the first step
    problem = initial.problem(networks)               # after the first epoch: None, or (problem, hint)

Comparing the weights themselves covers every cause: no gradient reaches a weight, all rows weigh 0, every step
overflows, or a train step of the user's own applies nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from laketrain.models.networks import Networks
from laketrain.train.checkpoint import State


@dataclass(frozen=True)
class InitialWeights:
    """A checksum of each trainable weight before training."""

    checksums: tuple[int, ...]

    @classmethod
    def of(cls, networks: Networks, state: State) -> InitialWeights | None:
        """None if the training has already started."""
        if state.epochs or state.step:
            return None
        return cls(tuple(_checksum(variable) for variable in networks.trainable_variables))

    def problem(self, networks: Networks) -> tuple[str, str] | None:
        """None as soon as one weight differs, else why none does and what may help."""
        variables = networks.trainable_variables
        if any(_checksum(variable) != before for variable, before in zip(variables, self.checksums, strict=True)):
            return None
        inner = [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in networks.optimizers]
        if any(int(optimizer.iterations.numpy()) for optimizer in inner):
            return _NO_GRADIENT
        return _NO_STEP if inner == networks.optimizers else _OVERFLOW


_UNCHANGED = "has changed none of the weights that are to be learnt: "
_NO_STEP = (_UNCHANGED + "the optimizer took no step",
            "a train step of your own must call model.optimizer.apply(gradients, model.trainable_weights)")
_OVERFLOW = (_UNCHANGED + "the gradients of every step overflow float16",
             "use precision: bfloat16 or float32, or clip what makes them so large")
_NO_GRADIENT = (_UNCHANGED + "all gradients are 0, or too small for the learning rate",
                "look for weights of rows that are all 0, a loss that does not depend on the model, a learning rate "
                "that is 0")


def _checksum(variable: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(variable.numpy()).tobytes())
