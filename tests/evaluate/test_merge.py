"""Figures of rows with weights are scikit-learn's with `sample_weight`, to 1e-9, however rows are cut over batches and
ranks; a row of weight 0 is as one that isn't there."""

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
    said = {"sort": random.dirichlet(np.ones(4), rows), "tags": random.random((rows, 3)) * [1, 1, 0.6],
            "price": truth["price"] + random.normal(0, 3, (rows, 2)),
            "ahead": truth["ahead"] + random.normal(0, 1, (rows, 3, 2))}
    return truth, {name: values if name == "sort" else values.astype(np.float32) for name, values in said.items()}


def measured(truth: dict[str, Any], said: dict[str, Any], weights: Any, cuts: list[int],
             features: FeatureSet = FEATURES) -> dict[str, dict[str, Any]]:
    """As ranks measure that have the rows between these cuts, two batches each."""
    rows, parts, outputs = len(truth["sort"]), [], default_outputs(features)
    for start, end in zip([0, *cuts], [*cuts, rows], strict=True):
        tallies = accumulators_of(outputs, rows, worst=3)
        for low, high in ((start, (start + end) // 2), ((start + end) // 2, end)):
            for name, tally in tallies.items():
                tally.add(np.arange(low, high), truth[name][low:high], said[name][low:high],
                          None if weights is None else weights[low:high])
        parts.append({name: tally.part() for name, tally in tallies.items()})
    return merge_parts(outputs, parts, worst=3, weighted=features.weight is not None)


def scikit_learns(truth: dict[str, Any], said: dict[str, Any], weights: Any) -> dict[str, dict[str, float]]:
    """Of all rows: a mask of scikit-learn's own is no weight of 0, which leaves a class among those that occur."""
    there = weights > 0
    truth, said = ({name: values[there] for name, values in each.items()} for each in (truth, said))
    weigh: dict[str, Any] = {"sample_weight": weights[there]}
    sort, called = truth["sort"], said["sort"].argmax(axis=1)
    has = said["tags"] >= 0.5
    occur = np.flatnonzero((truth["tags"] | has).any(axis=0))
    found = {"sort": {"accuracy": metrics.accuracy_score(sort, called, **weigh),
                      "loss": metrics.log_loss(sort, said["sort"], labels=range(4), **weigh)},
             "tags": {"subset_accuracy": metrics.accuracy_score(truth["tags"], has, **weigh),
                      "micro_f1": metrics.f1_score(truth["tags"], has, average="micro", zero_division=0.0, **weigh)}}
    for name, of in (("precision", metrics.precision_score), ("recall", metrics.recall_score),
                     ("f1", metrics.f1_score)):
        found["sort"][f"macro_{name}"] = of(sort, called, average="macro", zero_division=0.0, **weigh)
        found["tags"][f"macro_{name}"] = of(truth["tags"], has, labels=occur, average="macro", zero_division=0.0,
                                            **weigh) if len(occur) else 0.0
    for name in ("price", "ahead"):
        true, predicted = (each[name].reshape(len(sort), -1).astype(np.float64) for each in (truth, said))
        found[name] = {"mae": metrics.mean_absolute_error(true, predicted, **weigh),
                       "rmse": metrics.root_mean_squared_error(true, predicted, **weigh),
                       "mape": metrics.mean_absolute_percentage_error(true, predicted, **weigh)}
        if len(sort) > 1:
            found[name]["r2"] = metrics.r2_score(true, predicted, **weigh)
    return found


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999), cut=st.integers(0, 24))
def test_every_figure_is_scikit_learns_with_sample_weight(weights: list[float], seed: int, cut: int) -> None:
    assume(any(weights))
    weighed = np.array(weights)
    truth, said = rows_of(seed, len(weights))
    found = measured(truth, said, weighed, [min(cut, len(weights))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn names what is undefined; so do we, elsewhere
        wanted = scikit_learns(truth, said, weighed)
    for target, figures in wanted.items():
        for name, value in figures.items():
            assert found[target]["metrics"][name] == pytest.approx(value, rel=CLOSE, abs=CLOSE), (target, name)
    for section in found.values():
        assert section["rows"] == np.count_nonzero(weighed)
        assert section["masked"] == len(weights) - section["rows"]
        assert section["weight"] == pytest.approx(weighed.sum(), rel=1e-12)


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999))
def test_the_confusion_matrix_and_the_classes_are_weighed_too(weights: list[float], seed: int) -> None:
    assume(any(weights))
    weighed = np.array(weights)
    truth, said = rows_of(seed, len(weights))
    section = measured(truth, said, weighed, [])["sort"]
    true, called, there = truth["sort"], said["sort"].argmax(axis=1), weighed > 0
    wanted = metrics.confusion_matrix(true, called, labels=range(4), sample_weight=weighed)
    np.testing.assert_allclose(section["confusion"], wanted, rtol=CLOSE, atol=CLOSE)
    assert [one["rows"] for one in section["metrics"]["classes"]] == np.bincount(true[there], minlength=4).tolist()
    np.testing.assert_allclose([one["weight"] for one in section["metrics"]["classes"]], wanted.sum(axis=1), rtol=CLOSE)
    assert section["wrong"] == np.count_nonzero((true != called) & there)
    assert all(there[one["row"]] for one in section["mistakes"])


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999))
def test_a_row_of_weight_0_is_as_one_that_is_not_there(weights: list[float], seed: int) -> None:
    weighed = np.array(weights)
    there = weighed > 0
    assume(there.any())
    truth, said = rows_of(seed, len(weights))
    # What a masked row holds may be anything.
    said["price"][~there], said["sort"][~there] = np.nan, np.nan
    with_it = measured(truth, said, weighed, [])
    without = measured(*({name: values[there] for name, values in each.items()} for each in (truth, said)),
                       weighed[there], [])
    for name in truth:
        for metric, value in without[name]["metrics"].items():
            if not isinstance(value, list):
                assert with_it[name]["metrics"][metric] == pytest.approx(value, rel=1e-12, abs=1e-12), (name, metric)


def test_rows_of_weight_1_are_measured_as_rows_without_weights_and_counted_in_whole_numbers() -> None:
    truth, said = rows_of(3, 40)
    plain = FeatureSet.of({name: feature for name, feature in FEATURES.items() if name != "w"})
    one, none = measured(truth, said, np.ones(40), [20]), measured(truth, said, None, [20], plain)
    for name in truth:
        assert {key: value for key, value in one[name]["metrics"].items() if key != "classes"} == {
            key: value for key, value in none[name]["metrics"].items() if key != "classes"}
        assert "weight" in one[name] and "weight" not in none[name]
    assert all(type(cell) is int for line in none["sort"]["confusion"] for cell in line)


def test_what_is_undefined_is_named() -> None:
    truth = {"sort": np.array([0, 0, 1]), "tags": np.array([[1, 0, 0]] * 3, np.uint8)}
    said = {"sort": np.eye(4)[[0, 2, 0]].astype(np.float32), "tags": np.array([[0.1, 0.9, 0.1]] * 3, np.float32)}
    features = FeatureSet.of({name: FEATURES[name] for name in truth})
    found = measured(truth, said, None, [], features)
    assert found["sort"]["undefined"] == {"precision": ["bee"], "recall": ["cat"]}
    assert found["tags"]["undefined"] == {"precision": ["new"], "recall": ["sale"]}
    assert [one["f1"] for one in found["tags"]["metrics"]["classes"]] == [0.0, 0.0, None]
    assert found["tags"]["metrics"]["macro_f1"] == 0.0


def test_a_perfect_model_of_several_labels_is_perfect_where_a_label_is_absent() -> None:
    truth = {"sort": np.array([0, 1]), "tags": np.array([[1, 0, 0], [0, 1, 0]], np.uint8)}
    said = {"sort": np.eye(4)[[0, 1]].astype(np.float32), "tags": truth["tags"].astype(np.float32)}
    found = measured(truth, said, None, [], FeatureSet.of({name: FEATURES[name] for name in truth}))
    assert [found[name]["metrics"][f"macro_{score}"] for name in truth for score in ("precision", "recall", "f1")] == [
        1.0] * 6


@FEWER
@given(weights=WEIGHTS, seed=st.integers(0, 999), cut=st.integers(0, 24))
def test_a_baselines_figure_is_scikit_learns_however_it_is_cut(weights: list[float], seed: int, cut: int) -> None:
    assume(any(weights))
    weighed, (truth, said) = np.array(weights), rows_of(seed, len(weights))
    answers = {"sort": said["sort"].argmax(axis=1), "tags": said["tags"] >= 0.5,
               "price": said["price"].astype(np.float64)}
    wanted = scikit_learns(truth, said, weighed)
    for name, figure in (("sort", "accuracy"), ("tags", "micro_f1"), ("price", "mae")):
        tallies = [HeadlineSums(default_outputs(FEATURES)[name]) for _ in range(2)]
        for tally, part in zip(tallies, (slice(0, cut), slice(cut, None)), strict=True):
            tally.add(truth[name][part], answers[name][part], weighed[part])
        assert headline_of([tally.part() for tally in tallies]) == pytest.approx(wanted[name][figure], rel=CLOSE,
                                                                               abs=CLOSE)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_another_writer_let_pass_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match=r"weight 'w': is -?(1.0|nan|inf) in a row, expected a number from 0 on"):
        weights_of(FEATURES, {"w": np.array([1.0, bad], np.float32)})
