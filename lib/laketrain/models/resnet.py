"""A small residual network for images (He and others 2016).

    model: {name: resnet, stages: [2, 2, 2], filters: 16, stochastic_depth: 0.2}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import Front

if TYPE_CHECKING:
    import keras


class Resnet(Model):
    """A convolution, stages of residual blocks (normalisation, relu, convolution 3×3, twice) of which each halves the
    sides and doubles the channels of the one before, then the mean over all pixels and a head for each target."""

    takes: ClassVar[tuple[str, ...]] = ("image",)

    name: Literal["resnet"] = "resnet"
    """Chooses this model."""
    stages: list[Annotated[int, Field(ge=1)]] = Field(default=[2, 2, 2], min_length=1)
    """Blocks of each stage."""
    filters: int = Field(default=16, ge=1)
    """Channels of the first stage."""
    norm: Literal["batch", "layer"] = "batch"
    """Normalisation by the batch, or of each pixel by its own channels, which is the same at any batch."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of numbers before the heads that is left out at random in each training step; by default none."""
    stochastic_depth: float = Field(default=0.0, ge=0, lt=1)
    """The chance of the last block to be left out for a row in a training step; that of the others rises to it from
    the first (Huang and others 2016). By default none is left out."""
    initializer: Initializer = "he_normal"
    """What the convolutions' weights begin as."""

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        front = self.front(features)
        hidden = self.beside(front, self.bodies(front, self._body))
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.finish(front, hidden)

    def _body(self, front: Front, image: str, prefix: str) -> Any:
        import keras

        hidden = self._convolution(front.pixels(image), self.filters, 1, f"{prefix}stem")
        blocks, done = sum(self.stages), 0
        for stage, count in enumerate(self.stages, start=1):
            for block in range(1, count + 1):
                done += 1
                stride = 2 if stage > 1 and block == 1 else 1
                hidden = self._block(hidden, self.filters * 2 ** (stage - 1), stride,
                                     self.stochastic_depth * done / blocks, f"{prefix}stage_{stage}_block_{block}")
        hidden = keras.layers.Activation("relu", name=f"{prefix}last_relu")(self._norm(hidden, f"{prefix}last_norm"))
        return keras.layers.GlobalAveragePooling2D(name=f"{prefix}mean")(hidden)

    def _block(self, given: Any, filters: int, stride: int, left_out: float, name: str) -> Any:
        import keras

        seen = keras.layers.Activation("relu", name=f"{name}_relu_1")(self._norm(given, f"{name}_norm_1"))
        branch = self._convolution(seen, filters, stride, f"{name}_convolution_1")
        branch = keras.layers.Activation("relu", name=f"{name}_relu_2")(self._norm(branch, f"{name}_norm_2"))
        branch = self._convolution(branch, filters, 1, f"{name}_convolution_2")
        if left_out:
            # One draw a row leaves the whole branch out, which is what stochastic depth is.
            branch = keras.layers.Dropout(left_out, noise_shape=(None, 1, 1, 1), name=f"{name}_depth")(branch)
        if stride > 1 or given.shape[-1] != filters:
            given = keras.layers.Conv2D(filters, 1, stride, use_bias=False, kernel_initializer=self.initializer,
                                        name=f"{name}_shortcut")(seen)
        return keras.layers.Add(name=f"{name}_add")([given, branch])

    def _convolution(self, given: Any, filters: int, stride: int, name: str) -> Any:
        import keras

        return keras.layers.Conv2D(filters, 3, stride, padding="same", use_bias=False,
                                   kernel_initializer=self.initializer, name=name)(given)

    def _norm(self, given: Any, name: str) -> Any:
        import keras

        layer = keras.layers.BatchNormalization if self.norm == "batch" else keras.layers.LayerNormalization
        return layer(name=name)(given)
