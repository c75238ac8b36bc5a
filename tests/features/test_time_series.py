"""Sequences: of nested or flat arrays or of columns, scaled by channel, padded and masked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from .fitting import fitted, parse


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 9))
def test_a_sequence_is_the_same_from_nested_and_from_flat_arrays(steps: int, channels: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(6, steps, channels)).astype(np.float32)
    feature = parse(kind="sequence", shape=[steps, channels])
    nested, flat = pa.array(values.tolist()), pa.array(values.reshape(6, -1).tolist())
    for column in (nested, flat, nested.slice(2)):
        tensor = fitted(feature, nested).tensor(column)
        expected = StandardScaler().fit(values.reshape(-1, channels).astype(np.float64)).transform(
            values.reshape(-1, channels)).reshape(values.shape)
        if steps * 6 > 1:
            np.testing.assert_allclose(tensor, expected[-len(column):], rtol=1e-3, atol=1e-4)


def test_a_sequence_of_columns_has_a_channel_for_each() -> None:
    feature = parse(kind="sequence", columns=["a", "b"], shape=[2, 2], scale="none")
    struct = pa.StructArray.from_arrays([pa.array([[1.0, 2.0], [3.0, 4.0]]), pa.array([[5, 6], [7, 8]])],
                                        names=["a", "b"])
    assert feature.tensor(struct).tolist() == [[[1, 5], [2, 6]], [[3, 7], [4, 8]]]
    broken = pa.StructArray.from_arrays([pa.array([[1.0], [1.0, None]]), pa.array([[1, 1], [1, 1]])], names=["a", "b"])
    assert feature.check(broken).to_pylist() == ["in 'a' has 1 numbers, expected 2",
                                                 "in 'a' has a null or NaN among its numbers"]
    with pytest.raises(ValidationError, match="`shape` says 3 channels, and `columns` names 2"):
        parse(kind="sequence", columns=["a", "b"], shape=[2, 3])
    deep = pa.array([[[[1.0, 2], [3, 4]]] * 2, [[[1.0, 2], [3, 4]], [[1.0, 2]]]])
    assert parse(kind="sequence", column="a", shape=[2, 4]).check(deep).to_pylist()[0] is None
    assert parse(kind="sequence", column="a", shape=[2, 4]).check(deep).to_pylist()[1] is not None
    with pytest.raises(ValidationError, match="a target can't be padded"):
        parse(kind="sequence", columns=["a"], shape=[2, 1], role="target", pad="after")


@given(st.lists(st.lists(st.tuples(st.floats(-99, 99, width=32), st.floats(-99, 99, width=32)), max_size=6),
                min_size=1, max_size=8), st.sampled_from(["before", "after"]))
def test_a_list_of_events_is_padded_with_zeros_that_the_mask_marks(rows: list[list[tuple[float, float]]],
                                                                   pad: str) -> None:
    column = pa.array([[list(step) for step in row] for row in rows], pa.list_(pa.list_(pa.float64())))
    feature = fitted(parse(kind="sequence", shape=[4, 2], pad=pad, mask=True), column)
    kept = [row[-4:] if pad == "before" else row[:4] for row in rows]
    seen = np.array([step for row in kept for step in row]).reshape(-1, 2)
    deviation = np.std(seen, axis=0) if len(seen) else np.ones(2)
    for row, padded in zip(kept, feature.tensor(column), strict=True):
        empty = np.zeros((4 - len(row), 3))
        values = np.array(row).reshape(-1, 2)
        scaled = (values - (seen.mean(axis=0) if len(seen) else 0)) / np.where(deviation > 0, deviation, 1)
        parts = [empty, np.column_stack([scaled, np.ones(len(row))])]
        np.testing.assert_allclose(padded, np.concatenate(parts if pad == "before" else parts[::-1]), atol=1e-3)


def test_events_with_nulls_or_of_uneven_columns_are_refused() -> None:
    column = pa.array([[1.0, 2.0], [], None, [1.0, None, 2.0, 3.0], [1.0, 2.0, 3.0]])
    assert parse(kind="sequence", shape=[4, 2], pad="before").check(column).to_pylist() == [
        None, None, "is null", "has a null, NaN, infinite or too large value among its numbers",
        "has 3 numbers, expected whole steps of 2"]
    struct = pa.StructArray.from_arrays([pa.array([[1.0], [1.0]]), pa.array([[1, 1], [1]])], names=["a", "b"])
    assert parse(kind="sequence", columns=["a", "b"], shape=[4, 2], pad="after").check(struct).to_pylist() == [
        "has columns of different lengths", None]
    with pytest.raises(ValidationError, match="`mask` marks padding"):
        parse(kind="sequence", shape=[4, 2], mask=True)
