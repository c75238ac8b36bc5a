"""The linear model of the zoo."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.models import parse_model

from .pixel_features import MEAN, STD, features


@pytest.mark.slow
def test_the_linear_model_is_softmax_regression() -> None:
    model = parse_model({"name": "linear"}).build(features())
    kernel, bias = (np.asarray(weight, np.float64) for weight in model.get_weights())
    pixels = np.random.default_rng(1).integers(0, 256, (5, 6, 5, 3)).astype(np.uint8)
    logits = ((pixels / 255.0 - MEAN) / STD).reshape(5, -1) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(model({"picture": pixels})), expected, atol=1e-5)
