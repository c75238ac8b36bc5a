"""Forecasts of several steps."""

from __future__ import annotations

import numpy as np

from laketrain.features import TimeSeries
from laketrain.tasks.sequence import SequenceRegression

SCALE = {"kind": "standard", "offset": [10.0, 0.0], "divisor": [2.0, 1.0], "mean": [0.0, 0.0], "middle": [0.0, 0.0]}
FEATURE = TimeSeries.model_validate({
    "column": "y", "columns": ["a", "b"], "shape": [3, 2], "role": "target", "learnt_scale": SCALE})


def test_predictions_are_lists_of_steps_in_the_units_of_the_column() -> None:
    outputs = np.zeros((2, 3, 2), np.float32)
    outputs[1, 2] = [1.0, 5.0]
    columns = SequenceRegression().column_values(FEATURE, outputs, np.array([True, False]), probabilities=False)
    assert columns["prediction"].to_pylist() == [None, [[10.0, 0.0], [10.0, 0.0], [12.0, 5.0]]]


def test_a_target_with_a_mask_is_refused() -> None:
    assert SequenceRegression().model_problem("y", FEATURE) is None
    masked = TimeSeries.model_validate({"column": "y", "shape": [3, 2], "pad": "after", "mask": True})
    assert SequenceRegression().model_problem("y", masked) is not None
