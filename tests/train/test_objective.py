"""Losses and metrics against Keras' own classes, scikit-learn and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.workload import Train

pytestmark = pytest.mark.slow
ROWS = 40
RANDOM = np.random.default_rng(5)
WEIGHTS = RANDOM.random(ROWS).astype(np.float32)
WEIGHTS[::7] = 0
CHANCES = RANDOM.dirichlet(np.ones(6), ROWS).astype(np.float32)
CLASSES = RANDOM.integers(0, 6, ROWS)
FLAGS = RANDOM.integers(0, 2, (ROWS, 3)).astype(np.float32)
SAID = RANDOM.random((ROWS, 3)).astype(np.float32)
VALUES = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
GUESSES = (VALUES + RANDOM.normal(size=(ROWS, 3)).astype(np.float32) * 2).astype(np.float32)

LABEL = {"kind": {"kind": "label", "classes": 6}}
SEVERAL = {"tags": {"kind": "multilabel", "column": "tags", "names": ["a", "b", "c"]}}
VALUE = {"price": {"kind": "value", "column": "price", "size": 3}}

SERIES = {"next": {"kind": "sequence", "column": "next", "role": "target", "shape": [3, 1], "scale": "none"}}


def objective(features: dict[str, Any], user: dict[str, Any] | None = None, **settings: Any) -> Any:
    import_tensorflow()
    from laketrain.train.objective import Objective

    declared = {"x": {"kind": "vector", "column": "x", "size": 2, "scale": "none"}, **features}
    config = Train.model_validate({"model": {"name": "linear"}, **settings})
    return Objective(FeatureSet.model_validate(declared), config, user or {})


def loss_of(made: Any, targets: Any, predictions: Any) -> float:
    import tensorflow as tf

    return float(made.loss(tf.constant(targets), tf.constant(predictions), tf.constant(WEIGHTS), training=True))


def weighed(rows: Any) -> float:
    return float(np.sum(np.asarray(rows, np.float64) * WEIGHTS))


@pytest.mark.parametrize(("loss", "reference"), [
    ("auto", lambda k: k.SparseCategoricalCrossentropy(reduction="none")(CLASSES, CHANCES)),
    ({"name": "crossentropy", "label_smoothing": 0.1}, lambda k: k.CategoricalCrossentropy(
        label_smoothing=0.1, reduction="none")(np.eye(6)[CLASSES], CHANCES)),
    ({"name": "focal", "gamma": 1.5, "alpha": 0.4}, lambda k: k.CategoricalFocalCrossentropy(
        alpha=0.4, gamma=1.5, reduction="none")(np.eye(6)[CLASSES], CHANCES)),
], ids=["crossentropy", "smoothed", "focal"])
def test_losses_of_a_label_are_those_of_keras(loss: Any, reference: Any) -> None:
    made = objective(LABEL, loss=loss)
    import keras

    assert loss_of(made, CLASSES, CHANCES) == pytest.approx(weighed(reference(keras.losses)), rel=1e-5)


def test_a_mixed_label_costs_as_much_as_its_parts() -> None:
    made, soft = objective(LABEL), np.eye(6, dtype=np.float32)[CLASSES] * 0.7
    soft[:, 2] += 0.3
    expected = -0.7 * np.log(CHANCES[np.arange(ROWS), CLASSES]) - 0.3 * np.log(CHANCES[:, 2])
    assert loss_of(made, soft, CHANCES) == pytest.approx(weighed(expected), rel=1e-4)


@pytest.mark.parametrize(("loss", "rows"), [
    ("mse", ((VALUES - GUESSES) ** 2).mean(1)), ("mae", np.abs(VALUES - GUESSES).mean(1)),
    ({"name": "huber", "delta": 0.5}, np.where(np.abs(VALUES - GUESSES) <= 0.5, 0.5 * (VALUES - GUESSES) ** 2,
                                               0.5 * np.abs(VALUES - GUESSES) - 0.125).mean(1)),
    ("log_cosh", np.log(np.cosh((GUESSES - VALUES).astype(np.float64))).mean(1)),
    ({"name": "quantile", "quantile": 0.9}, np.maximum(0.9 * (VALUES - GUESSES), -0.1 * (VALUES - GUESSES)).mean(1)),
], ids=["mse", "mae", "huber", "log_cosh", "quantile"])
def test_losses_of_values_are_their_formulas(loss: Any, rows: Any) -> None:
    assert loss_of(objective(VALUE, loss=loss), VALUES, GUESSES) == pytest.approx(weighed(rows), rel=1e-4)


def test_losses_and_metrics_of_a_sequence_are_means_over_its_steps_and_channels() -> None:
    truth, predictions = VALUES.reshape(ROWS, 3, 1), GUESSES.reshape(ROWS, 3, 1)
    made = objective(SERIES, metrics=["auto", "rmse"])
    losses = ((truth - predictions) ** 2).mean((1, 2))
    assert loss_of(made, truth, predictions) == pytest.approx(weighed(losses), rel=1e-4)
    made.count(truth, predictions, WEIGHTS)
    rows, square = np.abs(VALUES - GUESSES).mean(1), ((VALUES - GUESSES) ** 2).mean(1)
    assert made.results() == {"mae": pytest.approx(np.average(rows, weights=WEIGHTS), rel=1e-4),
                              "rmse": pytest.approx(np.average(square, weights=WEIGHTS) ** 0.5, rel=1e-4)}


def test_losses_of_several_labels_are_those_of_keras() -> None:
    made, focal = objective(SEVERAL), objective(SEVERAL, loss={"name": "focal", "gamma": 1.0})
    import keras

    plain = keras.losses.BinaryCrossentropy(reduction="none")(FLAGS, SAID)
    assert loss_of(made, FLAGS, SAID) == pytest.approx(weighed(plain), rel=1e-5)
    theirs = keras.losses.BinaryFocalCrossentropy(True, alpha=0.25, gamma=1.0, reduction="none")(FLAGS, SAID)
    assert loss_of(focal, FLAGS, SAID) == pytest.approx(weighed(theirs), rel=1e-5)


def test_losses_of_several_targets_are_added_by_their_weights_and_one_can_be_your_own() -> None:
    import_tensorflow()
    import tensorflow as tf

    made = objective({**LABEL, **VALUE}, {"mine:cubed": lambda y, p: tf.reduce_sum(tf.abs(y - p) ** 3, -1)},
                     loss={"kind": {"name": "crossentropy", "weight": 0.5}, "price": {"use": "mine:cubed"}})
    targets = {"kind": tf.constant(CLASSES), "price": tf.constant(VALUES)}
    predictions = {"kind": tf.constant(CHANCES), "price": tf.constant(GUESSES)}
    loss = float(made.loss(targets, predictions, tf.constant(WEIGHTS), training=True))
    expected = 0.5 * weighed(-np.log(CHANCES[np.arange(ROWS), CLASSES])) + weighed(
        (np.abs(VALUES - GUESSES) ** 3).sum(1))
    assert loss == pytest.approx(expected, rel=1e-4)


def test_metrics_of_a_label_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, top_k_accuracy_score

    made = objective(LABEL, metrics=["accuracy", "top_3_accuracy"])
    made.count(CLASSES, CHANCES, WEIGHTS)
    assert made.results() == {
        "accuracy": pytest.approx(accuracy_score(CLASSES, CHANCES.argmax(1), sample_weight=WEIGHTS), rel=1e-5),
        "top_3_accuracy": pytest.approx(top_k_accuracy_score(CLASSES, CHANCES, k=3, sample_weight=WEIGHTS,
                                                             labels=range(6)), rel=1e-5)}


def test_metrics_of_values_are_those_of_scikit_learn_in_whatever_parts_they_are_counted() -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    made = objective(VALUE, metrics=["mae", "rmse", "r2"])
    for part in (slice(0, 9), slice(9, 10), slice(10, ROWS)):
        made.count(VALUES[part], GUESSES[part], WEIGHTS[part])
    assert made.results() == {
        "mae": pytest.approx(mean_absolute_error(VALUES, GUESSES, sample_weight=WEIGHTS), rel=1e-4),
        "rmse": pytest.approx(mean_squared_error(VALUES, GUESSES, sample_weight=WEIGHTS) ** 0.5, rel=1e-4),
        "r2": pytest.approx(r2_score(VALUES, GUESSES, sample_weight=WEIGHTS), abs=1e-4)}
    made.reset()
    assert made.results()["mae"] == 0


def test_metrics_of_several_targets_carry_their_names() -> None:
    made = objective({**LABEL, **VALUE, **SEVERAL}, metrics={"tags": ["precision"], "*": ["auto"]})
    made.count({"kind": CLASSES, "price": VALUES, "tags": FLAGS}, {"kind": CHANCES, "price": GUESSES, "tags": SAID},
               WEIGHTS)
    assert made.results().keys() == {"kind_accuracy", "price_mae", "tags_precision"}


@pytest.mark.parametrize(("features", "settings", "message"), [
    (LABEL, {"loss": "mse"}, "loss 'mse' suits no target of kind label; crossentropy"),
    (VALUE, {"loss": {"prise": "mse"}}, "loss of 'prise'.*isn't a target.*Did you mean 'price'"),
    (VALUE, {"metrics": ["accuracy"]}, "metric 'accuracy' of 'price'.*suits no target of kind value"),
    ({**LABEL, **VALUE}, {"loss": {"kind": "auto"}}, "loss of 'price'.*is not declared"),
    (VALUE, {"class_weights": "balanced"}, "class_weights.*expected one label"),
], ids=lambda value: "")
def test_what_does_not_suit_a_target_is_refused(features: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        objective(features, **settings)


def test_an_output_may_reconstruct_an_input() -> None:
    import_tensorflow()
    from laketrain.tasks import TASKS, Output
    from laketrain.train.objective import Objective

    features = FeatureSet.model_validate({"x": {"kind": "vector", "column": "x", "size": 3, "scale": "none"}, **LABEL})
    outputs = {"copy": Output(TASKS["regression"], features["x"], "x"),
               "kind": Output(TASKS["classification"], features["kind"], "kind")}
    made = Objective(features, Train.model_validate({"model": {"name": "linear"}}), {}, outputs)
    truth = made.truth({"x": VALUES}, CLASSES)
    result = float(made.loss(truth, {"copy": GUESSES, "kind": CHANCES}, WEIGHTS, training=True))
    assert result == pytest.approx(weighed(((VALUES - GUESSES) ** 2).mean(1)) + weighed(
        -np.log(CHANCES[np.arange(ROWS), CLASSES])), rel=1e-4)


@pytest.mark.parametrize("loss", [
    {"weight": "mae", "kind": "auto"}, {"weight": {"name": "mae"}, "kind": {"name": "auto"}},
    {"weight": {"name": "mae", "weight": 1.0}, "*": "auto"}])
def test_a_target_may_have_the_name_of_a_setting(loss: Any) -> None:
    config = Train.model_validate({"model": {"name": "linear"}, "loss": loss})
    assert (config.loss["weight"].name, len(config.loss)) == ("mae", 2)


@pytest.mark.parametrize(("loss", "message"), [
    ({"name": "huber", "delta": "1.o"}, "Input should be a valid number"),
    ("mze", "Input should be 'auto', 'crossentropy'"),
    ({"name": "mse", "delta": 2.0}, "has no delta; it is a setting of huber"),
    ({"use": "nowhere"}, "String should match pattern"), ({"name": "quantile", "quantile": 1.0}, "less than 1"),
])
def test_losses_that_can_not_be_are_refused(loss: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Train.model_validate({"model": {"name": "linear"}, "loss": loss})
    assert message in str(caught.value)
