"""Batch normalisation on ranks: moving statistics averaged, and batch moments taken over all ranks.

    synchronise(model, world)           # before training: layers declared `synchronized=True`
    average_statistics(model, world)    # after an epoch, and before weights are compared or saved

Without either, each rank normalises by its own part of the batch and keeps its own moving mean and variance. Neither
changes what is saved: the model is plain Keras.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from laketrain.distributed.naming import next_number
from laketrain.distributed.world import World

# Keras' names of what BatchNormalization, with and without renorm, learns from the batches that pass.
_STATISTICS = ("moving_", "renorm_")


def average_statistics(model: Any, world: World) -> None:
    """Set every moving statistic of `model`'s layers, in place, to its mean over the ranks: the same on every rank."""
    if world.is_serial:
        return
    variables = [variable for variable in model.non_trainable_variables if variable.name.startswith(_STATISTICS)]
    if variables:
        for variable, mean in zip(variables, world.average([each.value for each in variables]), strict=True):
            variable.assign(mean)


def synchronise(model: Any, world: World) -> int:
    """Make the `BatchNormalization(synchronized=True)` layers of a built `model` take batch moments over all ranks.

    N ranks then compute what one process does on the whole batch, forward and backward, once gradients are averaged.
    Rows, masked or not, weigh the same whichever rank has them. To be called before a train step is traced; a step with
    such a layer can't be compiled with XLA.

    Returns:
        how many layers there are.
    """
    import keras

    layers = [layer for layer in model._flatten_layers()
              if isinstance(layer, keras.layers.BatchNormalization) and layer.synchronized]
    if not world.is_serial:
        from laketrain.distributed.moments import moments_over_ranks

        for layer in layers:
            layer._moments = partial(moments_over_ranks, layer, f"moments_{next_number()}")
    return len(layers)
