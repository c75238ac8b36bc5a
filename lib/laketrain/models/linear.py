"""A linear model of all inputs: the baseline for other models, and the fastest to train in a test.

    model: {name: linear}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from laketrain.features import FeatureSet
from laketrain.models.base import FLAT, Initializer, Model

if TYPE_CHECKING:
    import keras


class Linear(Model):
    """One dense layer from all inputs, flattened, to each target: softmax regression for a label, logistic regression
    for several, linear regression for values. Categories are one-hot up to 32 values and embedded above; a text is
    the mean of its tokens' embeddings."""

    flattens: ClassVar[tuple[str, ...]] = (*FLAT, "image", "sequence", "audio", "text")

    name: Literal["linear"] = "linear"
    """Selects this model."""
    initializer: Initializer = "glorot_uniform"
    """How weights are initialised."""

    def build(self, features: FeatureSet) -> keras.Model:
        inputs = self.input_layers(features)
        return self.add_heads(inputs, inputs.flat(list(features.inputs)), self.initializer)
