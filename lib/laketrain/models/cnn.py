"""A small convolutional network for small images.

    model: {name: cnn, filters: 32, dense: 128}
    model: {name: cnn, filters: [32, 64], convolutions: 2, dense: 128}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from laketrain.errors import Problem
from laketrain.features import FeatureSet, Image
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import InputLayers

if TYPE_CHECKING:
    import keras


_Channels = Annotated[int, Field(ge=1)]


class Cnn(Model):
    """Blocks of convolutions `kernel`×`kernel` and max pooling 2×2, flatten, dense, then a head for each target;
    numbers and categories join before the dense layer."""

    takes: ClassVar[tuple[str, ...]] = ("image",)

    name: Literal["cnn"] = "cnn"
    """Selects this model."""
    filters: _Channels | Annotated[list[_Channels], Field(min_length=1)] = 32
    """Output channels of a block's convolutions: a number for one block, a list for several."""
    convolutions: int = Field(default=1, ge=1)
    """Convolutions in each block, before its pooling."""
    kernel: int = Field(default=3, ge=1)
    """Height and width of a convolution's window, in pixels; no larger than its input."""
    dense: int = Field(default=128, ge=1)
    """Units of the hidden layer."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of hidden units dropped at random in each training step; by default none."""
    initializer: Initializer = "glorot_uniform"
    """How weights are initialised; he_normal suits relu."""

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        inputs = self.input_layers(features)
        images = self.body_inputs(features)
        bodies = [self._body(inputs, name, f"_{name}" if len(images) > 1 else "") for name in images]
        hidden = self.merge_inputs(inputs, bodies)
        hidden = keras.layers.Dense(self.dense, activation="relu", kernel_initializer=self.initializer, name="dense")(
            hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.add_heads(inputs, hidden, self.initializer)

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        yield from super().problems(features)
        small = next((f"{name!r} of {feature.shape[0]}×{feature.shape[1]} pixels"
                      for name, feature in features.inputs.items()
                      if isinstance(feature, Image) and not self._fits(min(feature.shape[:2]))), None)
        if small is not None:
            yield Problem.at((), f"has nothing left of input {small} before its last pooling",
                             "use fewer blocks or convolutions, a smaller kernel, or larger images")

    @property
    def _blocks(self) -> list[int]:
        return self.filters if isinstance(self.filters, list) else [self.filters]

    def _fits(self, side: int) -> bool:
        """Whether at least a pixel remains after the last block, for images with this side."""
        for _ in self._blocks:
            side = (side - self.convolutions * (self.kernel - 1)) // 2
        return side >= 1

    def _body(self, inputs: InputLayers, image: str, suffix: str) -> Any:
        import keras

        hidden = inputs.pixels(image)
        for block, filters in enumerate(self._blocks, start=1):
            block_suffix = f"_{block}" if len(self._blocks) > 1 else ""
            for number in range(1, self.convolutions + 1):
                layer_suffix = f"{block_suffix}_{number}" if self.convolutions > 1 else block_suffix
                hidden = keras.layers.Conv2D(filters, self.kernel, activation="relu",
                                             kernel_initializer=self.initializer,
                                             name=f"convolution{layer_suffix}{suffix}")(hidden)
            hidden = keras.layers.MaxPooling2D(2, name=f"pooling{block_suffix}{suffix}")(hidden)
        return keras.layers.Flatten(name=f"flatten{suffix}")(hidden)
