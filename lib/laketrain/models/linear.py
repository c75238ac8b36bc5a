"""Softmax regression on the pixels: the least that a model must beat, and the quickest to train in a test.

    model: {name: linear}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from laketrain.config.base import Section
from laketrain.features import FeatureSet
from laketrain.models.inputs import class_output, image_input

if TYPE_CHECKING:
    import keras


class Linear(Section):
    """One dense layer from all pixels to the label's classes."""

    name: Literal["linear"] = "linear"
    """Chooses this model."""

    def build(self, features: FeatureSet) -> keras.Model:
        """Images (batch, h, w, c) uint8 to probabilities (batch, classes)."""
        import keras

        pixels, hidden = image_input(features)
        hidden = keras.layers.Flatten(name="flatten")(hidden)
        return keras.Model({pixels.name: pixels}, class_output(features, hidden), name="linear")
