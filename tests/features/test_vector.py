"""Vectors: of columns or of arrays, scaled component by component."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from .fitting import fitted, parse


def test_a_vector_of_columns_is_scaled_column_by_column() -> None:
    feature = parse(kind="vector", columns=["a", "b"])
    columns = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 80.0]])
    struct = pa.StructArray.from_arrays([pa.array(columns[:, 0]), pa.array(columns[:, 1])], names=["a", "b"])
    assert feature.columns == ("a", "b")
    np.testing.assert_allclose(fitted(feature, struct).tensor(struct), StandardScaler().fit_transform(columns),
                               rtol=1e-6)
    broken = pa.StructArray.from_arrays([pa.array([1.0, None]), pa.array([math.inf, 2.0])], names=["a", "b"])
    assert feature.check(broken).to_pylist() == ["in 'b' is infinite", "in 'a' is null"]


def test_a_vector_may_be_an_array_or_a_single_column() -> None:
    arrays = pa.array([[1, 2, 3], [4, 5, 6]])
    assert parse(kind="vector", size=3, scale="none").tensor(arrays).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert parse(kind="vector", columns=["a"], scale="none").tensor(pa.array([1.0, 2.0])).tolist() == [[1], [2]]
    for settings in ({}, {"columns": ["a"], "size": 2}):
        with pytest.raises(ValidationError, match="give either `columns`"):
            parse(kind="vector", **settings)


def test_arrays_of_another_length_or_with_nulls_are_refused() -> None:
    column = pa.array([[1.0, 2.0], [1.0], None, [1.0, None], [math.inf, 1.0]])
    assert parse(kind="vector", size=2).check(column).to_pylist() == [
        None, "has 1 numbers, expected 2", "is null", "has a null or NaN among its numbers", "has an infinite number"]


def test_predictions_of_a_scaled_value_are_in_its_units() -> None:
    columns = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 80.0]])
    struct = pa.StructArray.from_arrays([pa.array(columns[:, 0]), pa.array(columns[:, 1])], names=["a", "b"])
    for scale in ("none", "standard", "minmax", "robust", "log"):
        feature = fitted(parse(kind="value", columns=["a", "b"], scale=scale), struct)
        np.testing.assert_allclose(feature.unscale(feature.tensor(struct)), columns, rtol=1e-5)
