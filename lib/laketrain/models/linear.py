"""A linear model of all inputs: the least that a model must beat, and the quickest to train in a test.

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
    for several, linear regression for values. Categories are one-hot up to 32 values and embedded above; of a text's
    tokens the embeddings' mean is taken."""

    flattens: ClassVar[tuple[str, ...]] = (*FLAT, "image", "sequence", "audio", "text")

    name: Literal["linear"] = "linear"
    """Chooses this model."""
    initializer: Initializer = "glorot_uniform"
    """What the weights begin as."""

    def build(self, features: FeatureSet) -> keras.Model:
        front = self.front(features)
        return self.finish(front, front.flat(list(features.inputs)), self.initializer)
