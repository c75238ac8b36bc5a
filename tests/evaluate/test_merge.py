"""Weighted metrics are scikit-learn's with `sample_weight`, to 1e-9, on any batches and ranks; rows of weight 0 don't
count."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from laketrain.errors import DataError
from laketrain.evaluate.merge import HeadlineSums, accumulators_of, headline_of, merge_parts
from laketrain.evaluate.rows import weights_of
from laketrain.features import FeatureSet
from laketrain.tasks import default_outputs

FEATURES = FeatureSet.model_validate({
    "sort": {"kind": "label", "names": ["ant", "bee", "cat", "dog"]},
    "tags": {"kind": "multilabel", "names": ["new", "sale", "heavy"]},
    "price": {"kind": "value", "columns": ["cost", "size"]},
    "ahead": {"kind": "sequence", "column": "next.x", "role": "target", "shape": [3, 2], "scale": "none"},
    "w": {"kind": "weight"}})
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(2.0**-10, 2.0**10, width=32)), min_size=2, max_size=24)
CLOSE = 1e-9
FEWER = settings(max_examples=50)


def rows_of(seed: int, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """True and predicted values of every target, where some classes are rare enough to be absent."""
    random = np.random.default_rng(seed)
    truth = {"sort": random.choice(4, rows, p=[0.6, 0.3, 0.08, 0.02]),
             "tags": (random.random((rows, 3)) < [0.5, 0.3, 0.05]).astype(np.uint8),
             "price": random.normal([50, 3], [20, 1], (rows, 2)).astype(np.float32),
             "ahead": random.normal(5, 2, (rows, 3, 2)).astype(np.float32)}
    predictions = {"sort": random.dirichlet(np.ones(4), rows), "tags": random.random((rows, 3)) * [1, 1, 0.6],
                   "price": truth["price"] + random.normal(0, 3, (rows, 2)),
                   "ahead": truth["ahead"] + random.normal(0, 1, (rows, 3, 2))}
    return truth, {name: values if name == "sort" else values.astype(np.float32)
                   for name, values in predictions.items()}


def measured(truth: dict[str, Any], predictions: dict[str, Any], weights: Any, cuts: list[int],
             features: FeatureSet = FEATURES) -> dict[str, dict[str, Any]]:
    """The sections of ranks that have the rows between these cuts, in two batches each."""
    rows, parts, outputs = len(truth["sort"]), [], default_outputs(features)
    for start, end in zip([0, *cuts], [*cuts, rows], strict=True):
        tallies = accumulators_of(outputs, rows, worst=3)
        for low, high in ((start, (start + end) // 2), ((start + end) // 2, end)):
            for name, tally in tallies.items():
                tally.add(np.arange(low, high), truth[name][low:high], predictions[name][low:high],
                          None if weights is None else weights[low:high])
        parts.append({name: tally.part() for name, tally in tallies.items()})
    return merge_parts(outputs, parts, worst=3, weighted=features.weight is not None)


def scikit_learns(truth: dict[str, Any], predictions: dict[str, Any], weights: Any) -> dict[str, dict[str, float]]:
    """The metrics of the rows with a weight above 0. With a weight of 0, scikit-learn still counts the row's class."""
    counted = weights > 0
    truth, predictions = ({name: values[counted] for name, values in each.items()} for each in (truth, predictions))
    weigh: dict[str, Any] = {"sample_weight": weights[counted]}
    sort, called = truth["sort"], predictions["sort"].argmax(axis=1)
    has = predictions["tags"] >= 0.5
    occur = np.flatnonzero((truth["tags"] | has).any(axis=0))
    result = {"sort": {"accuracy": metrics.accuracy_score(sort, called, **weigh),
                      "loss": metrics.log_loss(sort, predictions["sort"], labels=range(4), **weigh)},
             "tags": {"subset_accuracy": metrics.accuracy_score(truth["tags"], has, **weigh),
                      "micro_f1": metrics.f1_score(truth["tags"], has, average="micro", zero_division=0.0, **weigh)}}
    for name, of in (("precision", metrics.precision_score), ("recall", metrics.recall_score),
                     ("f1", metrics.f1_score)):
        result["sort"][f"macro_{name}"] = of(sort, called, average="macro", zero_division=0.0, **weigh)
        result["tags"][f"macro_{name}"] = of(truth["tags"], has, labels=occur, average="macro", zero_division=0.0,
                                            **weigh) if len(occur) else 0.0
    for name in ("price", "ahead"):
        true, predicted = (each[name].reshape(len(sort), -1).astype(np.float64) for each in (truth, predictions))
        result[name] = {"mae": metrics.mean_absolute_error(true, predicted, **weigh),
                       "rmse": metrics.root_mean_squared_error(true, predicted, **weigh),
                       "mape": metrics.mean_absolute_percentage_error(true, predicted, **weigh)}
        if len(sort) > 1:
            result[name]["r2"] = metrics.r2_score(true, predicted, **weigh)
    return result


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999), cut=st.integers(0, 24))
def test_every_metric_is_scikit_learns_with_sample_weight(weights: list[float], seed: int, cut: int) -> None:
    assume(any(weights))
    weighed = np.array(weights)
    truth, predictions = rows_of(seed, len(weights))
    result = measured(truth, predictions, weighed, [min(cut, len(weights))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of undefined metrics; our warnings have their own test
        expected = scikit_learns(truth, predictions, weighed)
    for target, figures in expected.items():
        for name, value in figures.items():
            assert result[target]["metrics"][name] == pytest.approx(value, rel=CLOSE, abs=CLOSE), (target, name)
    for section in result.values():
        assert section["rows"] == np.count_nonzero(weighed)
        assert section["masked"] == len(weights) - section["rows"]
        assert section["weight"] == pytest.approx(weighed.sum(), rel=1e-12)


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999))
def test_the_confusion_matrix_and_the_classes_are_weighted(weights: list[float], seed: int) -> None:
    assume(any(weights))
    weighed = np.array(weights)
    truth, predictions = rows_of(seed, len(weights))
    section = measured(truth, predictions, weighed, [])["sort"]
    true, called, counted = truth["sort"], predictions["sort"].argmax(axis=1), weighed > 0
    expected = metrics.confusion_matrix(true, called, labels=range(4), sample_weight=weighed)
    np.testing.assert_allclose(section["confusion"], expected, rtol=CLOSE, atol=CLOSE)
    assert [row["rows"] for row in section["metrics"]["classes"]] == np.bincount(true[counted], minlength=4).tolist()
    np.testing.assert_allclose([row["weight"] for row in section["metrics"]["classes"]], expected.sum(axis=1),
                               rtol=CLOSE)
    assert section["wrong"] == np.count_nonzero((true != called) & counted)
    assert all(counted[row["row"]] for row in section["mistakes"])


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999))
def test_a_row_of_weight_0_changes_nothing(weights: list[float], seed: int) -> None:
    weighed = np.array(weights)
    counted = weighed > 0
    assume(counted.any())
    truth, predictions = rows_of(seed, len(weights))
    # A masked row may contain anything.
    predictions["price"][~counted], predictions["sort"][~counted] = np.nan, np.nan
    with_it = measured(truth, predictions, weighed, [])
    without = measured(*({name: values[counted] for name, values in each.items()} for each in (truth, predictions)),
                       weighed[counted], [])
    for name in truth:
        for metric, value in without[name]["metrics"].items():
            if not isinstance(value, list):
                assert with_it[name]["metrics"][metric] == pytest.approx(value, rel=1e-12, abs=1e-12), (name, metric)


def test_weights_of_1_change_nothing_and_counts_stay_integers() -> None:
    truth, predictions = rows_of(3, 40)
    plain = FeatureSet.of({name: feature for name, feature in FEATURES.items() if name != "w"})
    ones, none = measured(truth, predictions, np.ones(40), [20]), measured(truth, predictions, None, [20], plain)
    for name in truth:
        assert {key: value for key, value in ones[name]["metrics"].items() if key != "classes"} == {
            key: value for key, value in none[name]["metrics"].items() if key != "classes"}
        assert "weight" in ones[name] and "weight" not in none[name]
    assert all(type(cell) is int for line in none["sort"]["confusion"] for cell in line)


def test_undefined_metrics_are_named() -> None:
    truth = {"sort": np.array([0, 0, 1]), "tags": np.array([[1, 0, 0]] * 3, np.uint8)}
    predictions = {"sort": np.eye(4)[[0, 2, 0]].astype(np.float32), "tags": np.array([[0.1, 0.9, 0.1]] * 3, np.float32)}
    features = FeatureSet.of({name: FEATURES[name] for name in truth})
    result = measured(truth, predictions, None, [], features)
    assert result["sort"]["undefined"] == {"precision": ["bee"], "recall": ["cat"]}
    assert result["tags"]["undefined"] == {"precision": ["new"], "recall": ["sale"]}
    assert [row["f1"] for row in result["tags"]["metrics"]["classes"]] == [0.0, 0.0, None]
    assert result["tags"]["metrics"]["macro_f1"] == 0.0


def test_a_perfect_multilabel_model_is_perfect_without_rows_of_a_label() -> None:
    truth = {"sort": np.array([0, 1]), "tags": np.array([[1, 0, 0], [0, 1, 0]], np.uint8)}
    predictions = {"sort": np.eye(4)[[0, 1]].astype(np.float32), "tags": truth["tags"].astype(np.float32)}
    result = measured(truth, predictions, None, [], FeatureSet.of({name: FEATURES[name] for name in truth}))
    assert [result[name]["metrics"][f"macro_{score}"] for name in truth for score in ("precision", "recall", "f1")] == [
        1.0] * 6


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999), cut=st.integers(0, 24))
def test_the_metric_of_a_baseline_is_scikit_learns_on_any_number_of_ranks(weights: list[float], seed: int,
                                                                          cut: int) -> None:
    assume(any(weights))
    weighed, (truth, predictions) = np.array(weights), rows_of(seed, len(weights))
    answers = {"sort": predictions["sort"].argmax(axis=1), "tags": predictions["tags"] >= 0.5,
               "price": predictions["price"].astype(np.float64)}
    expected = scikit_learns(truth, predictions, weighed)
    for name, figure in (("sort", "accuracy"), ("tags", "micro_f1"), ("price", "mae")):
        tallies = [HeadlineSums(default_outputs(FEATURES)[name]) for _ in range(2)]
        for tally, part in zip(tallies, (slice(0, cut), slice(cut, None)), strict=True):
            tally.add(truth[name][part], answers[name][part], weighed[part])
        assert headline_of([tally.part() for tally in tallies]) == pytest.approx(expected[name][figure], rel=CLOSE,
                                                                               abs=CLOSE)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_negative_or_undefined_weight_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match=r"weight 'w': is -?(1.0|nan|inf) in a row, expected a number from 0 on"):
        weights_of(FEATURES, {"w": np.array([1.0, bad], np.float32)})
