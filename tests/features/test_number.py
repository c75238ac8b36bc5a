"""Numbers: refused with a reason, filled, and scaled as by scikit-learn."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from laketrain.errors import DataError

from .fitting import fitted, parse

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40)


@given(VALUES, st.sampled_from([("standard", StandardScaler), ("minmax", MinMaxScaler)]))
def test_scaled_numbers_are_scikit_learns(values: list[float], way: tuple[str, Any]) -> None:
    column = pa.array(values, pa.float64())
    tensor = fitted(parse(kind="number", scale=way[0]), column).tensor(column)
    expected = way[1]().fit_transform(np.array(values)[:, None])[:, 0]
    spread = np.ptp(values)
    if spread > max(1e-6, 1e-9 * max(map(abs, values))):  # scikit-learn treats a smaller spread as constant
        np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-4)
    assert np.isfinite(tensor).all()
    assert tensor.dtype == np.float32


def test_robust_scaling_is_by_median_and_quartiles_and_log_keeps_the_sign() -> None:
    values = np.arange(101.0)
    column = pa.array(values)
    robust = fitted(parse(kind="number", scale="robust"), column).tensor(column)
    np.testing.assert_allclose(robust, (values - 50) / 50, atol=0.02)
    signed = pa.array([-math.e + 1, 0.0, math.e - 1])
    np.testing.assert_allclose(fitted(parse(kind="number", scale="log"), signed).tensor(signed), [-1, 0, 1], atol=1e-6)


def test_a_constant_number_becomes_zero() -> None:
    column = pa.array([7, 7, 7])
    for scale in ("standard", "minmax", "robust"):
        assert fitted(parse(kind="number", scale=scale), column).tensor(column).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("missing", "stand_in"), [("mean", 4.0), ("median", 3.0), ("zero", 0.0)])
def test_missing_numbers_are_filled_and_flagged(missing: str, stand_in: float) -> None:
    column = pa.array([1.0, None, 3.0, math.nan, 8.0])
    tensor = fitted(parse(kind="number", scale="none", missing=missing, flag=True), column).tensor(column)
    np.testing.assert_allclose(tensor[:, 0], [1, stand_in, 3, stand_in, 8], rtol=0.003)
    assert tensor[:, 1].tolist() == [0, 1, 0, 1, 0]


def test_values_that_are_not_numbers_are_refused_with_a_reason() -> None:
    column = pa.array([1.0, None, math.nan, math.inf])
    assert parse(kind="number").check(column).to_pylist() == [None, "is null", "is not a number (NaN)", "is infinite"]
    assert parse(kind="number", missing="mean").check(column).to_pylist() == [None, None, None, "is infinite"]
    with pytest.raises(DataError, match="got a column of string, expected numbers"):
        parse(kind="number").check(pa.array(["1"]))


@pytest.mark.parametrize("column", [
    pa.array([1, 2], pa.int8()), pa.array([True, False]), pa.array([Decimal("1.5"), Decimal("2.5")]),
    pa.array([1.5, 2.5], pa.float32())])
def test_every_numeric_type_is_accepted(column: pa.Array) -> None:
    tensor = parse(kind="number", scale="none").tensor(column)
    assert tensor.tolist() == [float(value) for value in column.to_pylist()]
