"""Fast models of texts: embeddings and their mean (Joulin and others 2017), or convolutions over them (Kim 2014).

    model: {name: text, embedding: 64, body: convolution, kernels: [3, 4, 5]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import InputLayers, mean_of_steps

if TYPE_CHECKING:
    import keras


class TextModel(Model):
    """The mean of the tokens' embeddings, or convolutions of several widths and their maximum over all positions; an
    optional hidden layer; a head for each target. Numbers and categories are concatenated before the hidden layer."""

    takes: ClassVar[tuple[str, ...]] = ("text",)

    name: Literal["text"] = "text"
    """Selects this model."""
    embedding: int = Field(default=64, ge=1)
    """The size of a token's embedding."""
    body: Literal["mean", "convolution"] = "mean"
    """The mean of the tokens' embeddings, or convolutions over neighbours."""
    kernels: list[Annotated[int, Field(ge=1)]] = Field(default=[3, 4, 5], min_length=1)
    """With `body: convolution`: the widths of the convolutions, in tokens."""
    filters: int = Field(default=64, ge=1)
    """With `body: convolution`: the channels of each convolution."""
    dense: int | None = Field(default=None, ge=1)
    """Units of the hidden layer; by default there isn't one."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The fraction of values before the heads dropped at random in each training step; by default none."""
    initializer: Initializer = "glorot_uniform"
    """How the weights of convolutions and dense layers are initialised."""

    @model_validator(mode="after")
    def _settings_of_the_body(self) -> TextModel:
        for key in ("kernels", "filters"):
            if self.body == "mean" and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"`{key}` are of `body: convolution`, and the body is the mean of the tokens",
                                 "Add body: convolution, or remove it")
        return self

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        inputs = self.input_layers(features, embedding=self.embedding)
        hidden = self.merge_inputs(inputs, self.bodies(inputs, self._body))
        if self.dense:
            hidden = keras.layers.Dense(self.dense, activation="relu", kernel_initializer=self.initializer,
                                        name="dense")(hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.add_heads(inputs, hidden, self.initializer)

    def _body(self, inputs: InputLayers, name: str, prefix: str) -> Any:
        import keras

        embedded, mask = inputs.steps(name)
        if self.body == "mean":
            return mean_of_steps(embedded, mask)
        # Padding is zeroed before and after a convolution, so that its length changes nothing: relu's maximum is ≥ 0.
        valid = keras.ops.expand_dims(keras.ops.cast(mask, embedded.dtype), -1)
        pooled = []
        for kernel in self.kernels:
            convolved = keras.layers.Conv1D(self.filters, kernel, padding="same", activation="relu",
                                       kernel_initializer=self.initializer, name=f"{prefix}convolution_{kernel}")(
                embedded * valid)
            pooled.append(keras.layers.GlobalMaxPooling1D(name=f"{prefix}most_{kernel}")(convolved * valid))
        return pooled[0] if len(pooled) == 1 else keras.layers.Concatenate(name=f"{prefix}convolutions")(pooled)
