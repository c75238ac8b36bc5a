"""What chance a model's own layers take (dropout): drawn anew for each epoch from the seed.

    reseed(model, seed=7, epoch=3, rank=0)

Keras doesn't save how far a layer's random numbers have come. Started from (seed, epoch, rank, layer), they need no
saving: a resumed run draws what an uninterrupted one does. Ranks draw differently, for their rows are different rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def reseed(model: keras.Model, seed: int, epoch: int, rank: int) -> None:
    """Starts every random layer of `model` from here; a model without any is left as it is."""
    weights = {id(weight) for weight in model.weights}
    states = [variable for variable in model.variables if id(variable) not in weights]
    for layer, state in enumerate(states):
        start = np.random.SeedSequence((seed, epoch, rank, layer)).generate_state(1, np.uint32)[0]
        state.assign(np.array([start, 0], state.dtype))
