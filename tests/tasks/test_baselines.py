"""Baselines equal plain scikit-learn and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from laketrain.features import FeatureSet
from laketrain.tasks.baselines import Linear, Sample
from laketrain.tasks.design_matrix import design_matrix


@pytest.mark.parametrize("components", [1, 2])
def test_the_linear_baseline_of_a_value_is_ridge_with_a_row_for_each_row(components: int) -> None:
    features = FeatureSet.model_validate({"x": {"kind": "vector", "columns": ["a", "b"]}})
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 2)).astype(np.float32)
    y = x @ random.normal(size=(2, components)) + random.normal(size=(200, components))
    arrays = {"x": x}
    sample = Sample(design_matrix(features, arrays), {}, {}, None)
    predictions = Linear(sample.least_squares(y)).predict(features, arrays)
    scaled = StandardScaler().fit_transform(x)
    expected = Ridge(alpha=1.0).fit(scaled, y).predict(scaled).reshape(200, components)
    assert predictions.shape == (200, components)
    np.testing.assert_allclose(predictions, expected, atol=1e-5)
