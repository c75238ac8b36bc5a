"""The ends that models share: a feature's input, and the output that its label needs.

    pixels, scaled = image_input(features)
    probabilities = class_output(features, hidden)
"""

from __future__ import annotations

from typing import Any

from laketrain.errors import DataError
from laketrain.features import FeatureSet, Image, Label


def image_input(features: FeatureSet) -> tuple[Any, Any]:
    """The uint8 input named as the only image feature, and it standardised by the statistics of the train split.

    The scaling is a layer with fixed numbers, so whoever loads the model feeds it plain pixels: it can't be forgotten.
    """
    import keras

    name, feature = only(features, Image, "input")
    pixels = keras.Input(feature.shape, dtype="uint8", name=name)
    statistics = feature.statistics
    mean, std = (statistics.mean, statistics.std or 1.0) if statistics else (0.0, 1.0)
    return pixels, keras.layers.Rescaling(1 / (255 * std), offset=-mean / std, name=f"standardise_{name}")(pixels)


def class_output(features: FeatureSet, hidden: Any) -> Any:
    """Probabilities over the classes of the only label, float32 whatever the compute type."""
    import keras

    name, feature = only(features, Label, "target")
    return keras.layers.Dense(feature.count, activation="softmax", dtype="float32", name=name)(hidden)


def only(features: FeatureSet, kind: type[Any], role: str) -> tuple[str, Any]:
    """The one feature of this kind and role. Raises DataError where there is none, or several."""
    found = [(name, feature) for name, feature in features.items()
             if isinstance(feature, kind) and feature.role == role]
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise DataError("train", "the model's features", f"needs one {role} of kind {kind.__name__.lower()}, "
                        f"the dataset has {names}", "declare just one in 'convert.features'")
    return found[0]
