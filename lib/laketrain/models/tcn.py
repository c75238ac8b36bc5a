"""Dilated causal convolutions over sequences, sounds and texts (Bai, Kolter and Koltun 2018).

    model: {name: tcn, filters: 64, kernel: 3, layers: 4}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import Front, mean_of_steps

if TYPE_CHECKING:
    import keras


class Tcn(Model):
    """Residual blocks of two causal convolutions each, of which every one looks twice as far back as the one before:
    `layers` blocks see 1 + 2 (`kernel` - 1) (2^`layers` - 1) steps. Then the last step or the mean of the real ones,
    and a head for each target; numbers and categories join before the heads."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "audio", "text")
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {"embedding": ("text",)}

    name: Literal["tcn"] = "tcn"
    """Chooses this model."""
    filters: int = Field(default=64, ge=1)
    """Channels of each convolution."""
    kernel: int = Field(default=3, ge=2)
    """Steps that a convolution sees at once."""
    layers: int = Field(default=4, ge=1, le=20)
    """Blocks one above the other."""
    pooling: Literal["mean", "last"] = "mean"
    """What of all steps goes on: the mean of those that are no padding, or the last one, which suits forecasts and
    rows without padding at the end."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of channels that is left out at random, for all steps of a row, in each training step."""
    embedding: int = Field(default=64, ge=1)
    """Numbers that a token of a text becomes; only texts have tokens."""
    initializer: Initializer = "he_normal"
    """What the convolutions' weights begin as."""

    def build(self, features: FeatureSet) -> keras.Model:
        front = self.front(features, embedding=self.embedding)
        hidden = self.beside(front, self.bodies(front, self._body))
        return self.finish(front, hidden)

    def _body(self, front: Front, name: str, prefix: str) -> Any:
        hidden, mask = front.steps(name)
        for number in range(self.layers):
            hidden = self._block(hidden, 2**number, f"{prefix}block_{number + 1}")
        return hidden[:, -1] if self.pooling == "last" else mean_of_steps(hidden, mask)

    def _block(self, given: Any, dilation: int, name: str) -> Any:
        import keras

        branch = given
        for number in (1, 2):
            branch = keras.layers.Conv1D(self.filters, self.kernel, padding="causal", dilation_rate=dilation,
                                         activation="relu", kernel_initializer=self.initializer,
                                         name=f"{name}_convolution_{number}")(branch)
            if self.dropout:
                branch = keras.layers.SpatialDropout1D(self.dropout, name=f"{name}_dropout_{number}")(branch)
        if given.shape[-1] != self.filters:
            given = keras.layers.Conv1D(self.filters, 1, kernel_initializer=self.initializer, name=f"{name}_shortcut")(
                given)
        return keras.layers.Activation("relu", name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")(
            [given, branch]))
