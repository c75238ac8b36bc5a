"""Recurrent layers over sequences, sounds and texts.

    model: {name: rnn, cell: gru, units: 64, layers: 2}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import InputLayers

if TYPE_CHECKING:
    import keras


class Rnn(Model):
    """GRU or LSTM layers, whose last state goes to a head for each target; padding is masked. Numbers and categories
    are concatenated before the heads."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "audio", "text")
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {"embedding": ("text",)}

    name: Literal["rnn"] = "rnn"
    """Selects this model."""
    cell: Literal["gru", "lstm"] = "gru"
    """The kind of layer: `gru` has fewer weights, `lstm` a longer memory."""
    units: int = Field(default=64, ge=1)
    """The size of each layer's state."""
    layers: int = Field(default=1, ge=1)
    """The number of layers."""
    bidirectional: bool = False
    """Whether each layer also reads from the end, which doubles its output."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of each layer's inputs dropped at random in each training step; by default none."""
    embedding: int = Field(default=64, ge=1)
    """The size of a token's embedding, for inputs of kind text."""
    initializer: Initializer = "glorot_uniform"
    """How the layers' weights for their inputs are initialised."""

    def build(self, features: FeatureSet) -> keras.Model:
        inputs = self.input_layers(features, embedding=self.embedding)
        hidden = self.merge_inputs(inputs, self.bodies(inputs, self._body))
        return without_cudnn_where_masked(self.add_heads(inputs, hidden))

    def _body(self, inputs: InputLayers, name: str, prefix: str) -> Any:
        import keras

        hidden, mask = inputs.steps(name)
        layer = keras.layers.GRU if self.cell == "gru" else keras.layers.LSTM
        for number in range(1, self.layers + 1):
            inner = layer(self.units, return_sequences=number < self.layers, dropout=self.dropout,
                          kernel_initializer=self.initializer, name=f"{prefix}{self.cell}_{number}")
            if self.bidirectional:
                inner = keras.layers.Bidirectional(inner, name=f"{prefix}both_ways_{number}")
            hidden = inner(hidden, mask=mask)
        return hidden


def without_cudnn_where_masked(model: keras.Model) -> keras.Model:
    """Switches cuDNN off in layers that are called with a mask, and returns the model. cuDNN raises at runtime for rows
    that are padded at the start or contain only padding. A saved model doesn't keep this, so it is called again after
    loading."""
    for layer in model.layers:
        if any(node.arguments.kwargs.get("mask") is not None for node in layer._inbound_nodes):
            for inner in layer._flatten_layers():
                if hasattr(inner, "use_cudnn"):
                    inner.use_cudnn = False
    return model
