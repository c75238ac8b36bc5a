"""A small convolutional network for small images.

    model: {name: cnn, filters: 32, dense: 128}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from laketrain.config.base import Section
from laketrain.features import FeatureSet
from laketrain.models.inputs import class_output, image_input

if TYPE_CHECKING:
    import keras


class Cnn(Section):
    """Convolution `kernel`×`kernel` to `filters` channels, max pooling 2×2, flatten, dense, softmax over classes."""

    name: Literal["cnn"] = "cnn"
    """Chooses this model."""
    filters: int = Field(default=32, ge=1)
    """Channels that the convolution makes."""
    kernel: int = Field(default=3, ge=1)
    """Height and width of the convolution's window in pixels; no more than the image's."""
    dense: int = Field(default=128, ge=1)
    """Units of the hidden layer."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of hidden units that is left out at random in each training step; by default none."""

    def build(self, features: FeatureSet) -> keras.Model:
        """Images (batch, h, w, c) uint8 to probabilities (batch, classes)."""
        import keras

        pixels, hidden = image_input(features)
        hidden = keras.layers.Conv2D(self.filters, self.kernel, activation="relu", name="convolution")(hidden)
        hidden = keras.layers.MaxPooling2D(2, name="pooling")(hidden)
        hidden = keras.layers.Flatten(name="flatten")(hidden)
        hidden = keras.layers.Dense(self.dense, activation="relu", name="dense")(hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return keras.Model({pixels.name: pixels}, class_output(features, hidden), name="cnn")
