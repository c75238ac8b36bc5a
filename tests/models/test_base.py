"""The checks and the seed of every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.models import parse_model

from .mixed_features import mixed


@pytest.mark.parametrize(("settings", "inputs", "message"), [
    ({"name": "cnn"}, ["age"], "needs an input of kind image, the dataset has age (number). Next: use mlp or linear"),
    ({"name": "resnet"}, ["title"], "needs an input of kind image, the dataset has title (text). Next: use text or"),
    ({"name": "text"}, ["visits"], "needs an input of kind text, the dataset has visits (sequence). Next: use rnn or"),
    ({"name": "cnn"}, ["image", "title"], "doesn't take input 'title' of kind text. Next: use mlp, which takes every"),
    ({"name": "mlp"}, ["song"], "needs rows of one length, and input 'song' has buckets of"),
    ({"name": "rnn"}, ["image"], "needs an input of kind sequence or audio or text, the dataset has image (image). "
     "Next: use cnn or resnet for image inputs"),
])
def test_a_model_that_does_not_fit_the_features_suggests_one_that_does(settings: dict[str, Any], inputs: list[str],
                                                                       message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_model(settings).build(mixed(*inputs))
    assert f"[train] model {settings['name']!r}: {message}" in str(caught.value)


def test_a_target_that_no_model_predicts_is_refused() -> None:
    picture = {"kind": "image", "shape": [2, 2, 1], "role": "target"}
    features = FeatureSet.model_validate({"age": {"kind": "number"}, "picture": picture})
    with pytest.raises(DataError, match="has no output for target 'picture' of kind image"):
        parse_model({"name": "linear"}).build(features)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "mlp", "cnn", "resnet"])
def test_initial_weights_follow_from_the_seed_and_the_initializer(name: str) -> None:
    import_tensorflow()
    import keras

    def weights(**settings: Any) -> list[np.ndarray]:
        keras.utils.set_random_seed(5)
        return parse_model({"name": name, **settings}).build(mixed("image", targets=["label"])).get_weights()

    first, again, other = weights(), weights(), weights(initializer="random_uniform")
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.abs(other[0]).max() <= 0.05 < np.abs(first[0]).max()
