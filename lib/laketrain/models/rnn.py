"""Recurrent layers over sequences, sounds and texts.

    model: {name: rnn, cell: gru, units: 64, layers: 2}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import Front

if TYPE_CHECKING:
    import keras


class Rnn(Model):
    """GRU or LSTM layers, of which the last step's state goes to a head for each target; padding is skipped. Numbers
    and categories join before the heads."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "audio", "text")
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {"embedding": ("text",)}

    name: Literal["rnn"] = "rnn"
    """Chooses this model."""
    cell: Literal["gru", "lstm"] = "gru"
    """Which layer: `gru` has fewer weights, `lstm` a longer memory."""
    units: int = Field(default=64, ge=1)
    """Numbers of each layer's state."""
    layers: int = Field(default=1, ge=1)
    """Layers one above the other."""
    bidirectional: bool = False
    """Whether each layer also reads from the end, which doubles its numbers."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of each layer's inputs that is left out at random in each training step; by default none."""
    embedding: int = Field(default=64, ge=1)
    """Numbers that a token of a text becomes; only texts have tokens."""
    initializer: Initializer = "glorot_uniform"
    """What the layers' weights for their inputs begin as."""

    def build(self, features: FeatureSet) -> keras.Model:
        front = self.front(features, embedding=self.embedding)
        hidden = self.beside(front, self.bodies(front, self._body))
        return without_cudnn_where_masked(self.finish(front, hidden))

    def _body(self, front: Front, name: str, prefix: str) -> Any:
        import keras

        hidden, mask = front.steps(name)
        layer = keras.layers.GRU if self.cell == "gru" else keras.layers.LSTM
        for number in range(1, self.layers + 1):
            inner = layer(self.units, return_sequences=number < self.layers, dropout=self.dropout,
                          kernel_initializer=self.initializer, name=f"{prefix}{self.cell}_{number}")
            if self.bidirectional:
                inner = keras.layers.Bidirectional(inner, name=f"{prefix}both_ways_{number}")
            hidden = inner(hidden, mask=mask)
        return hidden


def without_cudnn_where_masked(model: keras.Model) -> keras.Model:
    """cuDNN refuses, while a step runs, rows that are padded before their steps and rows of padding alone: layers that
    are called with a mask do without it. A saved model doesn't hold that; who loads one asks for it again."""
    for layer in model.layers:
        if any(node.arguments.kwargs.get("mask") is not None for node in layer._inbound_nodes):
            for inner in layer._flatten_layers():
                if hasattr(inner, "use_cudnn"):
                    inner.use_cudnn = False
    return model
