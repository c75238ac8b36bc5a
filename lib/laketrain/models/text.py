"""Quick models of texts: embeddings and their mean (Joulin and others 2017), or convolutions over them (Kim 2014).

    model: {name: text, embedding: 64, body: convolution, kernels: [3, 4, 5]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from laketrain.features import FeatureSet
from laketrain.models.base import Initializer, Model
from laketrain.models.inputs import Front, mean_of_steps

if TYPE_CHECKING:
    import keras


class TextModel(Model):
    """Each token an embedding; their mean, or the most that convolutions of several widths find anywhere; a hidden
    layer where one is asked, and a head for each target. Numbers and categories join before the hidden layer."""

    takes: ClassVar[tuple[str, ...]] = ("text",)

    name: Literal["text"] = "text"
    """Chooses this model."""
    embedding: int = Field(default=64, ge=1)
    """Numbers that a token becomes."""
    body: Literal["mean", "convolution"] = "mean"
    """The mean of the tokens' embeddings, or convolutions over neighbours."""
    kernels: list[Annotated[int, Field(ge=1)]] = Field(default=[3, 4, 5], min_length=1)
    """With `body: convolution`: tokens that each kind of convolution sees at once."""
    filters: int = Field(default=64, ge=1)
    """With `body: convolution`: channels of each kind of convolution."""
    dense: int | None = Field(default=None, ge=1)
    """Units of the hidden layer; by default there is none."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """The share of numbers before the heads that is left out at random in each training step; by default none."""
    initializer: Initializer = "glorot_uniform"
    """What the weights of convolutions and dense layers begin as."""

    @model_validator(mode="after")
    def _settings_of_the_body(self) -> TextModel:
        for key in ("kernels", "filters"):
            if self.body == "mean" and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"`{key}` are of `body: convolution`, and the body is the mean of the tokens",
                                 "Add body: convolution, or remove it")
        return self

    def build(self, features: FeatureSet) -> keras.Model:
        import keras

        front = self.front(features, embedding=self.embedding)
        hidden = self.beside(front, self.bodies(front, self._body))
        if self.dense:
            hidden = keras.layers.Dense(self.dense, activation="relu", kernel_initializer=self.initializer,
                                        name="dense")(hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        return self.finish(front, hidden, self.initializer)

    def _body(self, front: Front, name: str, prefix: str) -> Any:
        import keras

        embedded, mask = front.steps(name)
        if self.body == "mean":
            return mean_of_steps(embedded, mask)
        # Zeros before and after each convolution, so that how far a row is padded changes nothing: relu's most is ≥ 0.
        real = keras.ops.expand_dims(keras.ops.cast(mask, embedded.dtype), -1)
        found = []
        for kernel in self.kernels:
            seen = keras.layers.Conv1D(self.filters, kernel, padding="same", activation="relu",
                                       kernel_initializer=self.initializer, name=f"{prefix}convolution_{kernel}")(
                embedded * real)
            found.append(keras.layers.GlobalMaxPooling1D(name=f"{prefix}most_{kernel}")(seen * real))
        return found[0] if len(found) == 1 else keras.layers.Concatenate(name=f"{prefix}convolutions")(found)
