"""Input layers turn every kind of feature into numbers."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.imports import import_tensorflow
from laketrain.models.inputs import InputLayers

from .mixed_features import mixed


@pytest.mark.slow
def test_input_layers_equal_numpys_one_hot_and_mean() -> None:
    import_tensorflow()
    import keras

    features = mixed("shop", "age", "income", "tags", targets=["label"])
    inputs = InputLayers.of(features)
    model = keras.Model(inputs.inputs, inputs.flat(list(features.inputs)))
    rows = {"shop": np.array([0, 2]), "age": np.array([1.5, -1], np.float32),
            "income": np.array([[0.5, 0], [0, 1]], np.float32), "tags": np.array([[1, 0, 1], [0, 0, 0]], np.uint8)}
    np.testing.assert_array_equal(np.asarray(model(rows)), [[1, 0, 0, 1.5, 0.5, 0, 1, 0, 1],
                                                            [0, 0, 1, -1, 0, 1, 0, 0, 0]])
