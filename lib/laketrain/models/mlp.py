"""Dense layers over any mix of inputs: the model for tables.

    model: {name: mlp, hidden: [128, 64], dropout: 0.2}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from laketrain.features import FeatureSet
from laketrain.models.base import FLAT, Activation, Initializer, Model
from laketrain.models.inputs import Encoding

if TYPE_CHECKING:
    import keras


class Mlp(Model):
    """All inputs flattened and concatenated, then hidden layers, then a head for each target."""

    flattens: ClassVar[tuple[str, ...]] = (*FLAT, "image", "sequence", "audio", "text")
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {"embedding": ("text",),
                                                         "categories": ("category", "bucket", "label")}

    name: Literal["mlp"] = "mlp"
    """Selects this model."""
    hidden: list[Annotated[int, Field(ge=1)]] = Field(default=[128, 64], min_length=1)
    """Units of each hidden layer."""
    activation: Activation = "relu"
    """The activation of the hidden layers."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of each hidden layer's units dropped at random in each training step; by default none."""
    batch_norm: bool = False
    """Whether each hidden layer has batch normalisation before its activation."""
    categories: Encoding = "auto"
    """How categories and buckets are encoded: `one_hot`, `embedding`, or by default one-hot up to 32 values."""
    embedding: int = Field(default=64, ge=1)
    """The size of a token's embedding, for inputs of kind text; a text is the mean of its tokens."""
    initializer: Initializer = "glorot_uniform"
    """How the dense layers' weights are initialised; he_normal suits relu."""

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        inputs = self.input_layers(features, encoding=self.categories, embedding=self.embedding)
        hidden = inputs.flat(list(features.inputs))
        for number, units in enumerate(self.hidden, start=1):
            hidden = keras.layers.Dense(units, kernel_initializer=self.initializer, use_bias=not self.batch_norm,
                                        name=f"hidden_{number}")(hidden)
            if self.batch_norm:
                hidden = keras.layers.BatchNormalization(name=f"norm_{number}")(hidden)
            hidden = keras.layers.Activation(self.activation, name=f"activation_{number}")(hidden)
            if self.dropout:
                hidden = keras.layers.Dropout(self.dropout, name=f"dropout_{number}")(hidden)
        return self.add_heads(inputs, hidden, self.initializer)
