"""Random numbers of the model's layers (dropout): seeded for each epoch.

    reseed(networks, seed=7, epoch=3, rank=0)
    states = random_states(networks)                   # in the middle of an epoch, for a checkpoint
    restore_random_states(networks, states)

Keras doesn't save the state of a layer's random generator. Since each epoch starts from (seed, epoch, rank, layer), a
resumed run draws the same numbers as an uninterrupted one. Ranks draw different numbers, as their rows differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from laketrain.models.networks import Networks


def reseed(networks: Networks, seed: int, epoch: int, rank: int) -> None:
    """Seeds every random layer; networks without any stay unchanged."""
    for layer, variable in enumerate(_generators(networks)):
        start = np.random.SeedSequence((seed, epoch, rank, layer)).generate_state(1, np.uint32)[0]
        variable.assign(np.array([start, 0], variable.dtype))


def random_states(networks: Networks) -> list[list[int]]:
    """The state of each random layer's generator."""
    return [np.asarray(variable.numpy()).tolist() for variable in _generators(networks)]


def restore_random_states(networks: Networks, states: list[list[int]]) -> None:
    """Continues from these states."""
    for variable, state in zip(_generators(networks), states, strict=True):
        variable.assign(np.array(state, variable.dtype))


def _generators(networks: Networks) -> list[Any]:
    """The variables of random generators: those that aren't weights."""
    weights = {id(weight) for network in networks.values() for weight in network.weights}
    return [variable for network in networks.values() for variable in network.variables if id(variable) not in weights]
