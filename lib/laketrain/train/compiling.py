"""From a declaration to a compiled Keras model.

    model = compiled(parse_model(settings), features, config)
"""

from __future__ import annotations

from typing import Any

import keras

from laketrain.config.train import Optimizer, Train
from laketrain.features import FeatureSet

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def compiled(declared: Any, features: FeatureSet, config: Train, steps: int) -> keras.Model:
    """The model with fresh weights, its loss, metrics and optimizer, for a training of `steps` steps in all."""
    model: keras.Model = declared.build(features)
    model.compile(
        optimizer=build_optimizer(config.optimizer, steps),
        loss=config.loss,
        weighted_metrics=list(config.metrics),
        jit_compile=False,
    )
    return model


def build_optimizer(settings: Optimizer, steps: int) -> keras.optimizers.Optimizer:
    """The Keras optimizer with the settings that were given; the others keep Keras' defaults."""
    given = settings.model_dump(exclude={"name", "schedule"}, exclude_none=True)
    if settings.schedule == "cosine":
        given["learning_rate"] = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    return _OPTIMIZERS[settings.name](**given)
