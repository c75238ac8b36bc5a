"""Inputs as the matrix of the linear baseline."""

from __future__ import annotations

import numpy as np

from laketrain.features import FeatureSet
from laketrain.tasks.design_matrix import TOKENS, design_matrix, width_of

FEATURES = FeatureSet.model_validate({
    "age": {"kind": "number"}, "shop": {"kind": "bucket", "edges": [1.0, 2.0]},
    "title": {"kind": "text", "length": 4, "learnt_vocabulary": ["u", "v"]},
    "y": {"kind": "label", "classes": 2}})


def test_categories_are_one_hot_and_texts_are_counts() -> None:
    arrays = {"age": np.array([0.5, -1.0], np.float32), "shop": np.array([1, 3]),
              "title": np.array([[2, 3, 2, 0], [0, 0, 0, 0]])}
    matrix = design_matrix(FEATURES, arrays)
    assert matrix.shape == (2, width_of(FEATURES)) == (2, 1 + 4 + TOKENS)
    assert matrix.dtype == np.float32
    assert matrix[:, 0].tolist() == [0.5, -1.0]
    assert matrix[:, 1:5].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert matrix[0, 5:9].tolist() == [0, 0, 2, 1]
    assert not matrix[1, 5:].any()
