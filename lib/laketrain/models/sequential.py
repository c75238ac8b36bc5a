"""Converts a `keras.Sequential` to a functional model with one named input, as training and prediction expect.

    model = as_functional(keras.Sequential([…]), features)        # keras.Model({"x": …}, …), of the same layers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.features import Feature, FeatureSet
from laketrain.models.inputs import shape_of

if TYPE_CHECKING:
    import keras


def as_functional(model: keras.Sequential, features: FeatureSet) -> keras.Model:
    """The same layers on the only input of `features`. Raises what a layer raises that can't take it."""
    import keras

    [(name, feature)] = features.inputs.items()
    inputs = keras.Input(shape_of(feature), dtype=_dtype(model, feature), name=name)
    hidden = inputs
    for layer in model.layers:
        hidden = layer(hidden)
    return keras.Model({name: inputs}, hidden, name=model.name)


def _dtype(model: keras.Sequential, feature: Feature) -> str:
    """That of its own `keras.Input`, if there is one. Otherwise indices keep their stored type; all else is float32."""
    if model.built and model.inputs:
        return str(model.inputs[0].dtype)
    return feature.dtype.name if feature.dtype.kind == "i" else "float32"
