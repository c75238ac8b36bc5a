"""A `keras.Sequential` as the functional model that training, evaluation and prediction know: one input, by name.

    model = as_functional(keras.Sequential([…]), features)        # keras.Model({"x": …}, …), of the same layers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.features import Feature, FeatureSet
from laketrain.models.inputs import shape_of

if TYPE_CHECKING:
    import keras


def as_functional(model: keras.Sequential, features: FeatureSet) -> keras.Model:
    """Of features with one input. Raises what a layer raises that can't take it."""
    import keras

    [(name, feature)] = features.inputs.items()
    given = keras.Input(shape_of(feature), dtype=_dtype(model, feature), name=name)
    hidden = given
    for layer in model.layers:
        hidden = layer(hidden)
    return keras.Model({name: given}, hidden, name=model.name)


def _dtype(model: keras.Sequential, feature: Feature) -> str:
    """As its own `keras.Input` says; else numbers as Keras would take them, and places in a list as they are stored."""
    if model.built and model.inputs:
        return str(model.inputs[0].dtype)
    return feature.dtype.name if feature.dtype.kind == "i" else "float32"
