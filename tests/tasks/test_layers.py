"""The last layers of models."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.imports import import_tensorflow
from laketrain.tasks.layers import activated, dense_head, layer_code


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3,), (4, 2)])
def test_a_head_has_the_shape_and_the_name_of_its_target(shape: tuple[int, ...]) -> None:
    import_tensorflow()
    import keras

    hidden = keras.Input((5,))
    model = keras.Model(hidden, dense_head("price", shape, None, hidden, "glorot_uniform"))
    output = np.asarray(model(np.ones((2, 5), np.float32)))
    assert (output.shape, output.dtype) == ((2, *shape), np.float32)
    assert model.layers[-1].name == "price"


@pytest.mark.slow
def test_logits_become_probabilities_or_stay() -> None:
    import_tensorflow()
    logits = np.array([[0.0, 1.0]], np.float32)
    np.testing.assert_allclose(np.asarray(activated("label", "softmax", logits)).sum(), 1, rtol=1e-6)
    assert activated("label", None, logits) is logits


@pytest.mark.parametrize(("shape", "code"), [
    ((10,), 'keras.layers.Dense(10, activation="softmax", dtype="float32", name="y")'),
    ((24, 2), 'keras.layers.Dense(2, activation="softmax", dtype="float32", name="y") over 24 steps'),
    ((8, 9, 3), 'keras.layers.Conv2D(3, 1, activation="softmax", dtype="float32", name="y") over 8×9 pixels')])
def test_the_code_of_a_layer_has_its_shape(shape: tuple[int, ...], code: str) -> None:
    assert layer_code("y", shape, "softmax") == code
