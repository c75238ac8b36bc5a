"""A small residual network for images (He and others 2016).

    model: {name: resnet, stages: [2, 2, 2], filters: 16, stochastic_depth: 0.2}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import InputLayers

if TYPE_CHECKING:
    import keras


class Resnet(Model):
    """A convolution, stages of residual blocks (normalisation, relu, convolution 3×3, twice), then the mean over all
    pixels and a head for each target. Each stage halves the sides and doubles the channels of the previous one."""

    takes: ClassVar[tuple[str, ...]] = ("image",)

    name: Literal["resnet"] = "resnet"
    """Selects this model."""
    stages: list[Annotated[int, Field(ge=1)]] = Field(default=[2, 2, 2], min_length=1)
    """The number of blocks in each stage."""
    filters: int = Field(default=16, ge=1)
    """The channels of the first stage."""
    norm: Literal["batch", "layer"] = "batch"
    """Batch normalisation, or layer normalisation of each pixel, which doesn't depend on the batch."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of values before the heads dropped at random in each training step; by default none."""
    stochastic_depth: float = Field(default=0.0, ge=0, lt=1)
    """The probability that the last block is skipped for a row in a training step. It rises linearly from the first
    block (Huang and others 2016). By default none is skipped."""
    initializer: Initializer = "he_normal"
    """How the convolutions' weights are initialised."""

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        inputs = self.input_layers(features)
        hidden = self.merge_inputs(inputs, self.bodies(inputs, self._body))
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.add_heads(inputs, hidden)

    def _body(self, inputs: InputLayers, image: str, prefix: str) -> Any:
        import keras

        hidden = self._convolution(inputs.pixels(image), self.filters, 1, f"{prefix}stem")
        blocks, done = sum(self.stages), 0
        for stage, count in enumerate(self.stages, start=1):
            for block in range(1, count + 1):
                done += 1
                stride = 2 if stage > 1 and block == 1 else 1
                hidden = self._block(hidden, self.filters * 2 ** (stage - 1), stride,
                                     self.stochastic_depth * done / blocks, f"{prefix}stage_{stage}_block_{block}")
        hidden = keras.layers.Activation("relu", name=f"{prefix}last_relu")(self._norm(hidden, f"{prefix}last_norm"))
        return keras.layers.GlobalAveragePooling2D(name=f"{prefix}mean")(hidden)

    def _block(self, x: Any, filters: int, stride: int, drop_rate: float, name: str) -> Any:
        import keras

        preactivation = keras.layers.Activation("relu", name=f"{name}_relu_1")(self._norm(x, f"{name}_norm_1"))
        branch = self._convolution(preactivation, filters, stride, f"{name}_convolution_1")
        branch = keras.layers.Activation("relu", name=f"{name}_relu_2")(self._norm(branch, f"{name}_norm_2"))
        branch = self._convolution(branch, filters, 1, f"{name}_convolution_2")
        if drop_rate:
            # One draw for each row skips the whole branch, which is stochastic depth.
            branch = keras.layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_depth")(branch)
        if stride > 1 or x.shape[-1] != filters:
            x = keras.layers.Conv2D(filters, 1, stride, use_bias=False, kernel_initializer=self.initializer,
                                        name=f"{name}_shortcut")(preactivation)
        return keras.layers.Add(name=f"{name}_add")([x, branch])

    def _convolution(self, x: Any, filters: int, stride: int, name: str) -> Any:
        import keras

        return keras.layers.Conv2D(filters, 3, stride, padding="same", use_bias=False,
                                   kernel_initializer=self.initializer, name=name)(x)

    def _norm(self, x: Any, name: str) -> Any:
        import keras

        layer = keras.layers.BatchNormalization if self.norm == "batch" else keras.layers.LayerNormalization
        return layer(name=name)(x)
