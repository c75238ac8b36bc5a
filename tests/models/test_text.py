"""Models of texts ignore padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from laketrain.models import parse_model

from .mixed_features import mixed


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {"name": "rnn", "units": 4}, {"name": "tcn", "filters": 4, "layers": 2}, {"name": "text", "embedding": 4},
    {"name": "text", "embedding": 4, "body": "convolution", "kernels": [2, 3]}, {"name": "linear"}, {"name": "mlp"}])
def test_padding_of_a_text_does_not_change_the_output(settings: dict[str, Any]) -> None:
    features = mixed("body", targets=["label"])
    model = parse_model(settings).build(features)
    short = np.array([[2, 3, 0, 0], [4, 2, 1, 3], [2, 0, 0, 0]], np.int32)
    long = np.pad(short, ((0, 0), (0, 4)))
    np.testing.assert_allclose(np.asarray(model({"body": short})), np.asarray(model({"body": long})), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"name": "rnn"}, {"name": "tcn"}, {"name": "text"}, {"name": "mlp"},
                                      {"name": "text", "body": "convolution"}])
def test_a_text_without_tokens_has_a_finite_output(settings: dict[str, Any]) -> None:
    model = parse_model(settings).build(mixed("title", targets=["label"]))
    assert np.isfinite(np.asarray(model({"title": np.zeros((2, 6), np.int32)}))).all()
