"""The input layers of the models: how each kind of input feature becomes a tensor.

    inputs = InputLayers.of(features)
    inputs.pixels("photo")          # (batch, h, w, c), standardised
    inputs.steps("title")           # (batch, steps, k) and its mask
    inputs.flat(["age", "shop"])    # (batch, k)

The model standardises pixels, embeds and masks. Features do all other preparation: they scale numbers and index
categories and tokens. So a saved model takes the tensors of `FeatureSet.encode_batch` and `tensors`, not the table's
raw values.
"""

from __future__ import annotations

from collections.abc import Sequence as Names
from dataclasses import dataclass
from typing import Any, Literal

from laketrain.features import Feature, FeatureSet, Image, Number, Text

Encoding = Literal["auto", "one_hot", "embedding"]
MOST_HOT = 32
"""`auto` one-hot encodes up to this many values, and embeds more."""


@dataclass(frozen=True)
class InputLayers:
    """Attributes:
        inputs: a `keras.Input` by feature. encoding: of categories. embedding: the size of a token's embedding.
        initializer: of the embeddings.
    """

    features: FeatureSet
    inputs: dict[str, Any]
    encoding: Encoding = "auto"
    embedding: int = 64
    initializer: str = "uniform"

    @classmethod
    def of(cls, features: FeatureSet, **settings: Any) -> InputLayers:
        """A `keras.Input` for each input feature, in the dtype that the dataset stores."""
        import keras

        inputs = {name: keras.Input(shape_of(feature), dtype=feature.dtype.name, name=name)
                  for name, feature in features.inputs.items()}
        return cls(features, inputs, **settings)

    def pixels(self, name: str) -> Any:
        """(batch, h, w, c), standardised by mean and std of the train split."""
        import keras

        statistics = self.features[name].statistics  # type: ignore[attr-defined]
        mean, std = (statistics.mean, statistics.std or 1.0) if statistics else (0.0, 1.0)
        return keras.layers.Rescaling(1 / (255 * std), offset=-mean / std, name=f"standardise_{name}")(
            self.inputs[name])

    def steps(self, name: str) -> tuple[Any, Any | None]:
        """(batch, steps, k), and (batch, steps) bool that is False in padding; None if padding isn't marked."""
        import keras

        feature, x = self.features[name], self.inputs[name]
        if isinstance(feature, Text):
            embedded = keras.layers.Embedding(feature.count, self.embedding, self.initializer, name=f"embed_{name}")
            return embedded(x), keras.ops.not_equal(x, 0)
        if feature.zeros_are_padding:
            return x, keras.ops.any(keras.ops.not_equal(x, 0), axis=-1)
        return x, None

    def flat(self, names: Names[str]) -> Any | None:
        """(batch, k): these features concatenated; None if there are none."""
        import keras

        parts = [self._flat(name) for name in names]
        if len(parts) < 2:
            return parts[0] if parts else None
        return keras.layers.Concatenate(name="inputs")(parts)

    def _flat(self, name: str) -> Any:
        import keras

        feature, x = self.features[name], self.inputs[name]
        if isinstance(feature, Image):
            return keras.layers.Flatten(name=f"flatten_{name}")(self.pixels(name))
        if feature.cardinality is not None:
            return self._category(name, feature.cardinality)
        if isinstance(feature, Text):
            return mean_of_steps(*self.steps(name))
        if isinstance(feature, Number) and not feature.shape:
            return keras.layers.Reshape((1,), name=f"column_{name}")(x)
        if len(feature.shape) > 1:
            return keras.layers.Flatten(name=f"flatten_{name}")(x)
        # Changes only the dtype: zeros and ones of multilabels are stored as uint8.
        return keras.layers.Rescaling(1.0, name=f"column_{name}")(x) if feature.dtype.kind == "u" else x

    def _category(self, name: str, count: int) -> Any:
        import keras

        if self.encoding == "one_hot" or (self.encoding == "auto" and count <= MOST_HOT):
            return keras.layers.CategoryEncoding(count, output_mode="one_hot", name=f"one_hot_{name}")(
                self.inputs[name])
        width = min(64, round(1.6 * count**0.56))  # the rule of fastai's tabular models
        return keras.layers.Embedding(count, width, self.initializer, name=f"embed_{name}")(self.inputs[name])


def shape_of(feature: Feature) -> tuple[int | None, ...]:
    """The shape of one row; None for the steps of a feature that is stored in buckets of several lengths."""
    return (None, *feature.shape[1:]) if feature.buckets else feature.shape


def mean_of_steps(steps: Any, mask: Any | None) -> Any:
    """(batch, k): the mean of (batch, steps, k) over the steps without padding; zeros for a row of padding."""
    import keras

    if mask is None:
        return keras.layers.GlobalAveragePooling1D()(steps)
    valid = keras.ops.expand_dims(keras.ops.cast(mask, steps.dtype), -1)
    return keras.ops.sum(steps * valid, axis=1) / keras.ops.maximum(keras.ops.sum(valid, axis=1), 1)
