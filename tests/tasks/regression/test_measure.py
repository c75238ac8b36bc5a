"""Errors of numbers equal scikit-learn's and NumPy's, for any batches and ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from laketrain.features import TimeSeries, Value
from laketrain.tasks.regression.measure import NumberAccumulator, component_names, merge_numbers

ROWS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=40)


def section_of(true: np.ndarray, predictions: np.ndarray, cuts: list[int], feature: Any = None) -> dict[str, Any]:
    feature = feature or Value(column="y", size=true.shape[1])
    parts = []
    for start, end in zip([0, *cuts], [*cuts, len(true)], strict=True):
        tally = NumberAccumulator(feature, worst=3, sampled=np.array([0, 1]))
        if end > start:
            tally.add(np.arange(start, end), true[start:end], predictions[start:end])
        parts.append(tally.part())
    return merge_numbers(feature, parts, worst=3)


@given(rows=ROWS, cut=st.integers(0, 40))
def test_metrics_equal_scikit_learns_for_any_partitioning(rows: list[tuple[float, float]], cut: int) -> None:
    true, predictions = (np.array(column, np.float64)[:, None] for column in zip(*rows, strict=True))
    result = section_of(true, predictions, [min(cut, len(rows))])["metrics"]
    assert result["mae"] == pytest.approx(metrics.mean_absolute_error(true, predictions), abs=1e-9)
    assert result["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, predictions), abs=1e-9)
    if np.ptp(true) > 1e-3:
        assert result["r2"] == pytest.approx(metrics.r2_score(true, predictions), rel=1e-6, abs=1e-6)
    nonzero = np.abs(true[:, 0]) > np.finfo(np.float32).tiny
    expected = np.mean(np.abs(predictions - true)[nonzero] / np.abs(true[nonzero])) if nonzero.any() else None
    assert result["mape"] == pytest.approx(expected)


def test_a_large_offset_does_not_change_r2() -> None:
    random = np.random.default_rng(0)
    true = 1e8 + random.normal(size=(500, 1))
    predictions = true + 0.1 * random.normal(size=(500, 1))
    result = section_of(true, predictions, [100, 300])["metrics"]
    assert result["r2"] == pytest.approx(metrics.r2_score(true, predictions), rel=1e-6)


@pytest.mark.parametrize(("prediction", "r2"), [(5.0, 1.0), (6.0, 0.0)])
def test_a_constant_column_has_the_r2_of_scikit_learn(prediction: float, r2: float) -> None:
    true = np.full((4, 1), 5.0)
    result = section_of(true, np.full((4, 1), prediction), [])["metrics"]
    assert result["r2"] == r2 == metrics.r2_score(true, np.full((4, 1), prediction))


SCALINGS = ("standard", "minmax", "robust", "log")


def as_stored(feature: Value, values: np.ndarray) -> np.ndarray:
    """(n, 1) values of a column as the model gets them: float32 in Parquet, then scaled to float32."""
    return feature.decode(feature.pack(column_of(values)))


def column_of(values: np.ndarray) -> pa.Array:
    return pa.array([[value] for value in values.tolist()])


def scaled_by(scale: str, values: np.ndarray) -> Value:
    feature = Value.model_validate({"column": "y", "size": 1, "scale": scale})
    result = feature.fit(feature.tally(column_of(values)))
    assert isinstance(result, Value)
    return result


@pytest.mark.parametrize("scale", SCALINGS)
@given(values=st.lists(st.floats(0.5, 1e6, width=32), min_size=1, max_size=20), zeros=st.integers(1, 20),
       sign=st.sampled_from([-1, 1]))
def test_true_zeros_are_left_out_of_the_relative_error_for_any_scale(scale: str, values: list[float], zeros: int,
                                                                     sign: int) -> None:
    true = sign * np.array([*values, *[0.0] * zeros])
    feature = scaled_by(scale, true)
    result = section_of(as_stored(feature, true), as_stored(feature, 1.5 * true + sign), [1], feature)["metrics"]
    # So far from the scale's offset, values that float32 can't distinguish from 0 are 0 too.
    apart = 1e-6 * max(values)
    if min(values) > 10 * apart:
        some = true != 0
        expected = metrics.mean_absolute_percentage_error(true[some], 1.5 * true[some] + sign)
        assert result["mape"] == pytest.approx(expected, rel=10 * apart / min(values) + 1e-4)
    assert result["mape"] is None or result["mape"] < 100


@pytest.mark.parametrize("scale", ["none", *SCALINGS])
@pytest.mark.parametrize("value", [0.5, 0.1, 1e8, -12.3])
def test_a_constant_component_has_an_r2_of_0_for_any_scale_and_partitioning(scale: str, value: float) -> None:
    for learnt_from in (np.full(9, value), np.array([value, 0.0, 3.0, 77.7])):
        feature, true = scaled_by(scale, learnt_from), np.full(1000, value)
        truth = as_stored(feature, true)
        predictions = as_stored(feature, true + np.abs(value) * np.linspace(0.1, 0.2, 1000))
        assert metrics.r2_score(np.full(9, 0.5), np.linspace(0.6, 0.7, 9)) == 0
        assert section_of(truth, predictions, [3, 700], feature)["metrics"]["r2"] == 0
        assert section_of(truth, truth, [3, 700], feature)["metrics"]["r2"] == 1


def test_a_variation_below_the_precision_of_float32_is_none() -> None:
    feature = scaled_by("standard", np.array([-1e6, 1e6, 3e6]))
    true = np.linspace(0, 0.15, 50)
    assert len(np.unique(as_stored(feature, true))) > 1, "else rounding has done it"
    assert section_of(as_stored(feature, true), as_stored(feature, true + 5), [], feature)["metrics"]["r2"] == 0


def test_the_relative_error_of_zeros_is_undefined() -> None:
    assert section_of(np.zeros((3, 1)), np.ones((3, 1)), [])["metrics"]["mape"] is None


def test_errors_are_in_the_columns_own_units_and_the_worst_rows_too() -> None:
    feature = Value(column="y", size=1, scale="standard").fit(Value(column="y", size=1).tally(
        pa.array([[10.0], [30.0]])))
    result = section_of(np.array([[-1.0], [1.0], [0.0]]), np.array([[-1.0], [0.5], [0.0]]), [], feature)
    assert result["metrics"]["mae"] == pytest.approx((30 - 25) / 3)
    assert result["worst"][0] == {"row": 1, "error": pytest.approx(0.5), "true": [30.0], "predicted": [25.0]}


def test_components_are_named_by_their_columns_and_steps() -> None:
    assert component_names(Value(column="y", size=1)) == ["y"]
    assert component_names(Value(column="y", size=2)) == ["y 1", "y 2"]
    assert component_names(Value.model_validate({"column": "y", "columns": ["a", "b"]})) == ["a", "b"]
    steps = TimeSeries.model_validate({"column": "y", "columns": ["a", "b"], "shape": [2, 2], "role": "target"})
    assert component_names(steps) == ["a, step 1", "b, step 1", "a, step 2", "b, step 2"]
