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
from laketrain.models.inputs import Front

if TYPE_CHECKING:
    import keras


_Channels = Annotated[int, Field(ge=1)]


class Cnn(Model):
    """Blocks of convolutions `kernel`×`kernel` and max pooling 2×2, flatten, dense, then a head for each target;
    numbers and categories join before the dense layer."""

    takes: ClassVar[tuple[str, ...]] = ("image",)

    name: Literal["cnn"] = "cnn"
    """Chooses this model."""
    filters: _Channels | Annotated[list[_Channels], Field(min_length=1)] = 32
    """Channels that a block's convolutions make: one number for one block, a list for a block each."""
    convolutions: int = Field(default=1, ge=1)
    """How many convolutions a block has before its pooling."""
    kernel: int = Field(default=3, ge=1)
    """Height and width of a convolution's window in pixels; no more than what it is given."""
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

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        yield from super().problems(features)
        small = next((f"{name!r} of {one.shape[0]}×{one.shape[1]} pixels" for name, one in features.inputs.items()
                      if isinstance(one, Image) and not self._fits(min(one.shape[:2]))), None)
        if small is not None:
            yield Problem.at((), f"has nothing left of input {small} before its last pooling",
                             "use fewer blocks or convolutions, a smaller kernel, or larger images")

    @property
    def _blocks(self) -> list[int]:
        return self.filters if isinstance(self.filters, list) else [self.filters]

    def _fits(self, side: int) -> bool:
        """Whether each block leaves a pixel of an image with this side."""
        for _ in self._blocks:
            side = (side - self.convolutions * (self.kernel - 1)) // 2
        return side >= 1

    def _body(self, front: Front, image: str, suffix: str) -> Any:
        import keras

        hidden = front.pixels(image)
        for block, filters in enumerate(self._blocks, start=1):
            of_block = f"_{block}" if len(self._blocks) > 1 else ""
            for number in range(1, self.convolutions + 1):
                own = f"{of_block}_{number}" if self.convolutions > 1 else of_block
                hidden = keras.layers.Conv2D(filters, self.kernel, activation="relu", name=f"convolution{own}{suffix}",
                                             kernel_initializer=self.initializer)(hidden)
            hidden = keras.layers.MaxPooling2D(2, name=f"pooling{of_block}{suffix}")(hidden)
        return keras.layers.Flatten(name=f"flatten{suffix}")(hidden)
