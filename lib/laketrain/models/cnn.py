"""A small convolutional network for small images.

    model: {name: cnn, filters: 32, dense: 128}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import Front

if TYPE_CHECKING:
    import keras


class Cnn(Model):
    """Convolution `kernel`×`kernel` to `filters` channels, max pooling 2×2, flatten, dense, then a head for each
    target; numbers and categories join before the dense layer."""

    takes: ClassVar[tuple[str, ...]] = ("image",)

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
    initializer: Initializer = "glorot_uniform"
    """What the weights begin as; he_normal goes well with relu."""

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        front = self.front(features)
        images = self.of_body(features)
        hidden = self.beside(front, [self._body(front, name, f"_{name}" if len(images) > 1 else "") for name in images])
        hidden = keras.layers.Dense(self.dense, activation="relu", kernel_initializer=self.initializer, name="dense")(
            hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.finish(front, hidden, self.initializer)

    def _body(self, front: Front, image: str, suffix: str) -> Any:
        import keras

        hidden = keras.layers.Conv2D(self.filters, self.kernel, activation="relu", kernel_initializer=self.initializer,
                                     name=f"convolution{suffix}")(front.pixels(image))
        hidden = keras.layers.MaxPooling2D(2, name=f"pooling{suffix}")(hidden)
        return keras.layers.Flatten(name=f"flatten{suffix}")(hidden)
