"""Columns of other programs are read and never written."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.errors import DataError
from laketrain.features.stored import Stored


def stored(**settings: Any) -> Stored:
    return Stored.model_validate({"column": "x", **settings})


def saved(array: Any) -> bytes:
    file = BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def test_rows_of_one_shape_are_an_array_and_others_are_objects() -> None:
    column = pa.array([saved([1, 2]), saved([3, 4])], pa.binary())
    uniform = stored(dtype_name="int64", sizes=[2], encoding="ndarray")
    assert uniform.decode(column).tolist() == [[1, 2], [3, 4]]
    assert uniform.shape == (2,)
    varying = stored(dtype_name="int64", sizes=[None], encoding="ndarray").decode(
        pa.array([saved([1]), saved([2, 3])], pa.binary()))
    assert (varying.dtype, [row.tolist() for row in varying]) == (np.dtype(object), [[1], [2, 3]])


def test_nulls_are_read_only_if_the_schema_allows_them() -> None:
    column = pa.array([1, None])
    nullable = stored(dtype_name="int32", encoding="scalar", nullable=True)
    assert nullable.decode(column).tolist() == [1, None]
    with pytest.raises(DataError, match="null"):
        stored(dtype_name="int32", encoding="scalar").decode(column)


def test_rows_that_differ_from_the_schema_are_an_error() -> None:
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        stored(dtype_name="int64", sizes=[2], encoding="list").decode(pa.array([[1, 2, 3]]))


def test_it_is_read_only() -> None:
    feature = stored(dtype_name="int64", encoding="scalar")
    for method in (feature.check, feature.pack):
        with pytest.raises(DataError, match="read-only"):
            method(pa.array([1]))
