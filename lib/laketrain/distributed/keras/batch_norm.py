"""Batch normalisation on several ranks: moving statistics are averaged, batch statistics span all ranks.

    synchronise_batch_norm(model, world)      # before training, for layers with `synchronized=True`
    average_moving_statistics(model, world)   # after an epoch, and before weights are compared or saved

Without these, each rank normalises by its own part of the batch and keeps its own moving mean and variance. Neither
changes what is saved: the model remains plain Keras.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from laketrain.distributed.backend import backend_for
from laketrain.distributed.collectives.collective_names import next_number
from laketrain.distributed.world import World

# Keras' name prefixes of the statistics of BatchNormalization, with and without renorm.
_PREFIXES = ("moving_", "renorm_")


def average_moving_statistics(model: Any, world: World) -> None:
    """Set each moving statistic of `model`'s layers, in place, to its mean over the ranks."""
    if world.is_serial:
        return
    variables = [variable for variable in model.non_trainable_variables if variable.name.startswith(_PREFIXES)]
    if variables:
        means = world.average([variable.value for variable in variables])
        for variable, mean in zip(variables, means, strict=True):
            variable.assign(mean)


def synchronise_batch_norm(model: Any, world: World) -> int:
    """Make the `BatchNormalization(synchronized=True)` layers of a built `model` normalise by the batch of all ranks.

    N ranks then compute what one process computes on the whole batch, forward and backward, once gradients are
    averaged. Each row, masked or not, has the same weight on whichever rank it is. Call this before the train step is
    traced. A step with such a layer can't be compiled with XLA.

    Returns:
        the number of those layers.
    """
    import keras

    layers = [layer for layer in model._flatten_layers()
              if isinstance(layer, keras.layers.BatchNormalization) and layer.synchronized]
    if not world.is_serial:
        from laketrain.distributed.keras.sync_batch_norm import moments_over_ranks

        backend = backend_for(world.size, world.backend)
        for layer in layers:
            layer._moments = partial(moments_over_ranks, layer, backend, f"moments_{next_number()}")
    return len(layers)
