"""Dilated causal convolutions over sequences, sounds and texts (Bai, Kolter and Koltun 2018).

    model: {name: tcn, filters: 64, kernel: 3, layers: 4}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import InputLayers, mean_of_steps

if TYPE_CHECKING:
    import keras


class Tcn(Model):
    """Residual blocks of two causal convolutions each; every block looks twice as far back as the previous one, so
    `layers` blocks see 1 + 2 (`kernel` - 1) (2^`layers` - 1) steps. Then the last step, or the mean of steps without
    padding, and a head for each target. Numbers and categories are concatenated before the heads."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "audio", "text")
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {"embedding": ("text",)}

    name: Literal["tcn"] = "tcn"
    """Selects this model."""
    filters: int = Field(default=64, ge=1)
    """The channels of each convolution."""
    kernel: int = Field(default=3, ge=2)
    """The width of a convolution, in steps."""
    layers: int = Field(default=4, ge=1, le=20)
    """The number of blocks."""
    pooling: Literal["mean", "last"] = "mean"
    """How steps are reduced: to their mean without padding, or to the last one, which suits forecasts and rows without
    padding at the end."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of channels dropped at random, for all steps of a row, in each training step."""
    embedding: int = Field(default=64, ge=1)
    """The size of a token's embedding, for inputs of kind text."""
    initializer: Initializer = "he_normal"
    """How the convolutions' weights are initialised."""

    def build(self, features: FeatureSet) -> keras.Model:
        inputs = self.input_layers(features, embedding=self.embedding)
        hidden = self.merge_inputs(inputs, self.bodies(inputs, self._body))
        return self.add_heads(inputs, hidden)

    def _body(self, inputs: InputLayers, name: str, prefix: str) -> Any:
        hidden, mask = inputs.steps(name)
        for number in range(self.layers):
            hidden = self._block(hidden, 2**number, f"{prefix}block_{number + 1}")
        return hidden[:, -1] if self.pooling == "last" else mean_of_steps(hidden, mask)

    def _block(self, x: Any, dilation: int, name: str) -> Any:
        import keras

        branch = x
        for number in (1, 2):
            branch = keras.layers.Conv1D(self.filters, self.kernel, padding="causal", dilation_rate=dilation,
                                         activation="relu", kernel_initializer=self.initializer,
                                         name=f"{name}_convolution_{number}")(branch)
            if self.dropout:
                branch = keras.layers.SpatialDropout1D(self.dropout, name=f"{name}_dropout_{number}")(branch)
        if x.shape[-1] != self.filters:
            x = keras.layers.Conv1D(self.filters, 1, kernel_initializer=self.initializer, name=f"{name}_shortcut")(
                x)
        return keras.layers.Activation("relu", name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")(
            [x, branch]))
