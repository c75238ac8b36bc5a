"""What chance a model's own layers take (dropout): drawn anew for each epoch from the seed.

    reseed(model, seed=7, epoch=3, rank=0)
    states = chance_of(model)                 # in the middle of the epoch, for a checkpoint
    set_chance(model, states)

Keras doesn't save how far a layer's random numbers have come. Started from (seed, epoch, rank, layer), they need no
saving: a resumed run draws what an uninterrupted one does. Ranks draw differently, for their rows are different rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def reseed(model: keras.Model, seed: int, epoch: int, rank: int) -> None:
    """Starts every random layer of `model` from here; a model without any is left as it is."""
    for layer, state in enumerate(_states(model)):
        start = np.random.SeedSequence((seed, epoch, rank, layer)).generate_state(1, np.uint32)[0]
        state.assign(np.array([start, 0], state.dtype))


def chance_of(model: keras.Model) -> list[list[int]]:
    """How far each random layer has come."""
    return [np.asarray(state.numpy()).tolist() for state in _states(model)]


def set_chance(model: keras.Model, states: list[list[int]]) -> None:
    """Every random layer goes on from there."""
    for state, value in zip(_states(model), states, strict=True):
        state.assign(np.array(value, state.dtype))


def _states(model: keras.Model) -> list[Any]:
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]
