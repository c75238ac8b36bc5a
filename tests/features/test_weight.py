"""Weights of rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from laketrain.features import FeatureSet

from .fitting import parse


def test_a_weight_of_0_is_valid_and_invalid_weights_have_a_reason() -> None:
    weight = parse(kind="weight")
    column = pa.array([0.0, -0.0, 1.5, -0.5, math.nan, math.inf, None, 1e-60, 1e60])
    assert weight.check(column).to_pylist() == [
        None, None, None, "is below 0 (a weight of 0 masks a row)", "is not a number (NaN)", "is infinite", "is null",
        "is too small for float32", "is too large for float32"]
    assert weight.tensor(column.slice(0, 3)).tolist() == [0, 0, 1.5]


def test_rows_of_weight_0_are_not_used_for_fitting() -> None:
    features = FeatureSet.model_validate({"age": {"kind": "number"}, "w": {"kind": "weight"},
                                          "y": {"kind": "label", "classes": 3}})
    ages, weights = np.array([1.0, 2.0, 4.0, 1e6]), [0.5, 2.0, 1.0, 0.0]
    batch = pa.RecordBatch.from_pydict({"age": ages, "w": weights, "y": [0, 1, 1, 2]})
    result: Any = features.fit([features.tally(batch, first=False)], first=False)
    np.testing.assert_allclose(result["age"].learnt_scale.mean, [ages[:3].mean()])
    np.testing.assert_allclose(result["age"].learnt_scale.divisor, [ages[:3].std()])
    assert result["y"].statistics.rows == (1, 2, 0)


def test_a_row_has_one_weight() -> None:
    with pytest.raises(ValidationError, match="a and b both are weights"):
        FeatureSet.model_validate({"a": {"kind": "weight"}, "b": {"kind": "weight"}})
