"""The persistence forecast repeats the last value of the past."""

from __future__ import annotations

import numpy as np

from laketrain.features import FeatureSet
from laketrain.tasks.persistence import last_values


def test_the_last_value_of_a_forecast_is_that_of_the_past() -> None:
    scale = {"kind": "standard", "offset": [10.0, 0.0], "divisor": [2.0, 1.0], "mean": [10.0, 0.0],
             "middle": [10.0, 0.0]}
    features = FeatureSet.model_validate({
        "past": {"kind": "sequence", "columns": ["past.load", "past.heat"], "shape": [3, 2], "learnt_scale": scale},
        "ahead": {"kind": "value", "column": "next.load", "size": 4},
        "both": {"kind": "sequence", "columns": ["next.heat", "next.load"], "shape": [2, 2], "role": "target"},
        "other": {"kind": "value", "column": "next.wind", "size": 4},
        "now": {"kind": "value", "column": "load", "size": 1}})
    past = np.zeros((2, 3, 2), np.float32)
    past[:, -1] = [[1.0, 7.0], [2.0, 8.0]]
    result = last_values(features, {"past": past})
    assert list(result) == ["ahead", "both"]
    np.testing.assert_array_equal(result["ahead"], [[12.0] * 4, [14.0] * 4])
    np.testing.assert_array_equal(result["both"], [[7, 12, 7, 12], [8, 14, 8, 14]])
