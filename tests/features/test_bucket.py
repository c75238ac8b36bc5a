"""Numbers become buckets, as by NumPy's `digitize`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from .fitting import fitted, parse


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=30),
       st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=6, unique=True).map(sorted))
def test_buckets_equal_numpys(values: list[float], edges: list[float]) -> None:
    feature = parse(kind="bucket", edges=edges)
    assert feature.tensor(pa.array(values)).tolist() == (np.digitize(values, edges) + 1).tolist()
    assert feature.count == len(edges) + 2


def test_fitted_buckets_have_equally_many_rows() -> None:
    values = np.random.default_rng(1).exponential(100, 5000)
    feature = fitted(parse(kind="bucket", buckets=8), pa.array(values))
    rows = np.bincount(feature.tensor(pa.array(values)), minlength=feature.count)
    assert rows[0] == 0
    np.testing.assert_allclose(rows[1:], 5000 / 8, rtol=0.05)
    skewed = fitted(parse(kind="bucket", buckets=4), pa.array([1.0] * 99 + [7.0]))
    assert len(set(skewed.tensor(pa.array([1.0] * 9)).tolist())) == 1
    assert skewed.count <= 3


def test_a_missing_number_is_refused_or_has_a_bucket_of_its_own() -> None:
    column = pa.array([1.0, None, math.nan, 9.0])
    assert parse(kind="bucket", edges=[5]).check(column).to_pylist() == [None, "is null", "is not a number (NaN)", None]
    feature = parse(kind="bucket", edges=[5], missing="zero")
    assert feature.tensor(column).tolist() == [1, 0, 0, 2]
    assert [feature.caption(value) for value in (0, 1, 2)] == ["missing", "… 5", "5 …"]


@pytest.mark.parametrize("settings", [{}, {"edges": [1], "buckets": 3}, {"edges": [2, 1]}, {"edges": [1, 1]}])
def test_invalid_buckets_are_explained(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="`edges`"):
        parse(kind="bucket", **settings)
