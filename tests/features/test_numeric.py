"""Numbers, vectors, sequences, values, weights and multilabels: refused with a reason, stored unchanged, scaled by the
statistics of the train split; compared with scikit-learn and plain NumPy."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.features.base import reasons
from laketrain.features.tally import Tally, merge

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40)


def parse(**settings: Any) -> Any:
    return FeatureSet.model_validate({"x": {"column": "x", **settings}})["x"]


def fitted(feature: Any, *columns: pa.Array) -> Any:
    totals: Tally = {}
    for column in columns:
        merge(totals, feature.tally(column))
    return feature.fit(totals)


# ---- number


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


# ---- bucket


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


@pytest.mark.parametrize("settings", [{"kind": "number"}, {"kind": "weight"}, {"kind": "vector", "columns": ["x"]},
                                      {"kind": "value", "columns": ["x"]}, {"kind": "vector", "size": 1},
                                      {"kind": "sequence", "shape": [1, 1], "pad": "after"}])
def test_a_number_beyond_float32_is_refused(settings: dict[str, Any]) -> None:
    values = [1.0, 1e300, 3.4e38]
    nested = "size" in settings or "shape" in settings
    result = parse(**settings).check(pa.array([[value] for value in values] if nested else values)).to_pylist()
    assert [why is None for why in result] == [True, False, True]


# ---- weight


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


# ---- vector, value, sequence


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


@pytest.mark.parametrize(("settings", "good", "bad", "expected"), [
    ({"kind": "sequence", "shape": [2, 3]}, [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 1, 2]]],
     [[[1, 2], [3, 4, 5, 6]], [[1, 2, 3, 4, 5, 6]], [[1, 2, 3], None, [4, 5, 6]], [[1, 2, 3], [], [4, 5, 6]]], "2×3"),
    ({"kind": "sequence", "shape": [3, 3], "pad": "after", "mask": True}, [[[1, 2, 3]], [], [[1, 2, 3], [4, 5, 6]]],
     [[[1, 2, 3], None, [7, 8, 9]], [[1, 2], [3, 4, 5, 6]], [None]], "whole steps of 3"),
    ({"kind": "vector", "size": 4}, [[[1, 2], [3, 4]], [[1, 2, 3, 4]], [[1], [2], [3], [4]]],
     [[[1], [2, 3, 4]], [[1, 2, 3], [4]], [None, [1, 2, 3, 4]]], "4"),
    ({"kind": "value", "size": 4}, [[[[1, 2]], [[3, 4]]]], [[[[1, 2], [3]], [[4]]], [[[1, 2], None], [[3, 4]]]], "4"),
], ids=["sequence", "padded", "vector", "deeper"])
def test_nested_arrays_must_have_equal_lengths_even_if_the_total_fits(
        settings: dict[str, Any], good: list[Any], bad: list[Any], expected: str) -> None:
    rows = [row for pair in zip(good, bad, strict=False) for row in pair] + good[len(bad):] + bad[len(good):] + [None]
    why = "has a null or uneven array within, expected " + expected
    for start in (0, 1):
        result = parse(**settings).check(pa.array(rows).slice(start)).to_pylist()
        assert result == ["is null" if row is None else why if row in bad else None for row in rows[start:]]


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


def test_predictions_of_a_scaled_value_are_in_its_units() -> None:
    columns = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 80.0]])
    struct = pa.StructArray.from_arrays([pa.array(columns[:, 0]), pa.array(columns[:, 1])], names=["a", "b"])
    for scale in ("none", "standard", "minmax", "robust", "log"):
        feature = fitted(parse(kind="value", columns=["a", "b"], scale=scale), struct)
        np.testing.assert_allclose(feature.unscale(feature.tensor(struct)), columns, rtol=1e-5)


# ---- weight, several labels


def test_a_row_has_one_weight() -> None:
    with pytest.raises(ValidationError, match="a and b both are weights"):
        FeatureSet.model_validate({"a": {"kind": "weight"}, "b": {"kind": "weight"}})


@pytest.mark.parametrize(("settings", "column"), [
    ({}, pa.array([["cat"], [], ["dog", "cat"], ["cow"], None])),
    ({"separator": "|"}, pa.array(["cat", "", "dog | cat", "cow", None]))], ids=["arrays", "text"])
def test_several_labels_become_zeros_and_ones(settings: dict[str, str], column: pa.Array) -> None:
    feature = parse(kind="multilabel", names=["cat", "dog"], **settings)
    assert feature.check(column).to_pylist() == [None, None, None, "has 'cow', not one of the 2 names", "is null"]
    good = column.slice(0, 3)
    assert feature.tensor(good).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert feature.caption(feature.tensor(good)[2]) == "cat, dog"
    assert fitted(feature, good).statistics.having == (2, 1)


def test_a_null_among_several_labels_is_refused() -> None:
    """A null is never silently the last class."""
    feature = parse(kind="multilabel", names=["sport", "politics", "science"])
    column = pa.array([["sport", None], ["art", None], [None], ["science"], None, ["art"]])
    null = "has a null among its names"
    assert feature.check(column).to_pylist() == [null, null, null, None, "is null",
                                                 "has 'art', not one of the 3 names"]
    with pytest.raises(DataError, match=null):
        feature.encode(column)


def test_a_marked_row_is_refused_even_if_its_text_is_null() -> None:
    marked = np.array([True, True, False])
    assert reasons(3, (marked, pa.array(["is odd", None, "is even"]))).to_pylist() == ["is odd", "holds a null", None]


# ---- all of them


ALL: dict[str, tuple[dict[str, Any], pa.Array]] = {
    "bucket": ({"kind": "bucket", "buckets": 3}, pa.array([1.0, 4.0, 5.5, -3.25])),
    "number": ({"kind": "number", "missing": "median", "flag": True}, pa.array([1.0, None, 5.5, -3.25])),
    "vector": ({"kind": "vector", "size": 2}, pa.array([[1, 2], [3, 4], [5, 6], [7, 9]])),
    "sequence": ({"kind": "sequence", "shape": [2, 1]}, pa.array([[[1.0], [2.5]], [[3.0], [4.0]], [[5.0], [6.0]],
                                                                  [[0.0], [0.125]]])),
    "value": ({"kind": "value", "columns": ["x"], "scale": "standard"}, pa.array([0.1, 0.2, 0.7, 12.0])),
    "weight": ({"kind": "weight"}, pa.array([0.5, 1.0, 2.0, 3.0])),
    "multilabel": ({"kind": "multilabel", "names": ["a", "b"]}, pa.array([["a"], ["b"], [], ["a", "b"]])),
}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_fitting_and_decoding_do_not_depend_on_the_partitioning(kind: str, cut: int) -> None:
    settings, column = ALL[kind]
    feature = parse(**settings)
    whole, parts = fitted(feature, column), fitted(feature, column.slice(cut), column.slice(0, cut))
    assert whole == parts
    together = whole.tensor(column)
    apart = np.concatenate([whole.tensor(column.slice(0, cut)), whole.tensor(column.slice(cut))])
    assert together.tobytes() == apart.tobytes()
    assert together.shape[1:] == whole.shape
    assert together.dtype == whole.dtype


@pytest.mark.parametrize("kind", ALL)
def test_a_fitted_feature_is_the_same_after_json(kind: str) -> None:
    settings, column = ALL[kind]
    features = FeatureSet.of({"x": fitted(parse(**settings), column)})
    again = FeatureSet.from_json(json.dumps(json.loads(features.to_json())))
    assert again["x"] == features["x"]
    assert again["x"].tensor(column).tobytes() == features["x"].tensor(column).tobytes()
