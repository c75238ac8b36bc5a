"""The heads of the models: for each target a last layer, named as it, that gives what its loss and its metrics want.

    outputs = heads(features, hidden)      # a tensor, or {"label": …, "price": …} where there are several targets

float32 whatever the compute type: a softmax in bfloat16 has three digits.
"""

from __future__ import annotations

import math
from typing import Any

from laketrain.errors import DataError
from laketrain.features import Feature, FeatureSet, Label, Multilabel, TimeSeries, Value

DISTRIBUTIONS = {"label": "softmax", "multilabel": "sigmoid"}
"""The kinds of targets of which a model says probabilities, each with what makes them of logits."""


def heads(features: FeatureSet, hidden: Any, initializer: str = "glorot_uniform") -> Any:
    """From (batch, k): probabilities of a label's classes (batch, classes), of each of a multilabel's (batch, classes),
    a value's numbers (batch, components), a sequence's (batch, steps, channels)."""
    found = {name: _head(name, feature, hidden, initializer) for name, feature in features.targets.items()}
    if not found:
        raise DataError("train", "the model's features", "have no target, so there is nothing to learn",
                        "declare one in 'convert.features', e.g. label: {kind: label, classes: 10}")
    return next(iter(found.values())) if len(found) == 1 else found


def output_shape(feature: Feature) -> tuple[int, ...]:
    """What a model says of one row."""
    return (feature.count,) if isinstance(feature, Label) else feature.shape


def last_layer(name: str, feature: Feature) -> str:
    """The layer, as one writes it, that a model of the user's own ends in for this target."""
    shape = output_shape(feature)
    activation = DISTRIBUTIONS.get(feature.kind)
    asked = f'activation="{activation}", ' if activation else ""
    if len(shape) == 3:
        layer, over = "Conv2D", f" over {shape[0]}×{shape[1]} pixels"
    else:
        layer, over = "Dense", f" over {shape[0]} steps" if len(shape) == 2 else ""
    size = f"{shape[-1]}, 1" if layer == "Conv2D" else f"{shape[-1]}"
    return f'keras.layers.{layer}({size}, {asked}dtype="float32", name="{name}"){over}'


def probabilities(name: str, feature: Feature, logits: Any) -> Any:
    """A label's or multilabel's logits as probabilities, float32; any other target's as it is."""
    import keras

    if feature.kind not in DISTRIBUTIONS:
        return logits
    activation, named = DISTRIBUTIONS[feature.kind], f"probabilities_of_{name}"
    return keras.layers.Activation(activation, dtype="float32", name=named)(logits)


def _head(name: str, feature: Feature, hidden: Any, initializer: str) -> Any:
    import keras

    activations = {Label: "softmax", Multilabel: "sigmoid", Value: None, TimeSeries: None}
    if type(feature) not in activations:
        raise DataError("train", f"target {name!r}", f"is of kind {feature.kind}, which no model of the zoo makes; "
                        "they make label, multilabel, value and sequence",
                        "use a model of your own: model: {use: 'module:function'}")
    shape, activation = output_shape(feature), activations[type(feature)]
    if len(shape) == 1:
        return keras.layers.Dense(shape[0], activation, kernel_initializer=initializer, dtype="float32", name=name)(
            hidden)
    units = keras.layers.Dense(math.prod(shape), activation, kernel_initializer=initializer, dtype="float32",
                               name=f"{name}_units")(hidden)
    return keras.layers.Reshape(shape, dtype="float32", name=name)(units)
