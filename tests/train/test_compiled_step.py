"""An epoch's loss and metrics are means by the rows' weights, on any number of ranks; a step is that of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from laketrain.distributed.world import World
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.workload import Train

pytestmark = pytest.mark.slow
FEATURES = FeatureSet.model_validate({
    "x": {"kind": "vector", "column": "x", "size": 2, "scale": "none"},
    "y": {"kind": "value", "column": "y", "size": 1}})
ALONE, ROWS, L2 = World(0, 1), 12, 0.01


def batches(ranks: int = 1) -> Any:
    """Of a linear model with a penalty, the same each time."""
    import_tensorflow()
    import keras

    from laketrain.models.networks import Networks
    from laketrain.train.compiled_step import CompiledStep
    from laketrain.train.objective import Objective
    from laketrain.train.train_step import SupervisedStep

    keras.utils.set_random_seed(1)
    inputs = keras.Input((2,), name="x")
    model = keras.Model({"x": inputs}, keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(L2))(inputs))
    model.compile(keras.optimizers.SGD(0.1))
    objective = Objective(FEATURES, Train.model_validate({"model": {"name": "linear"}}), {})
    return CompiledStep(SupervisedStep(), Networks.of(model), objective, ranks)


def batch_of(seed: int, weights: Any) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    return ({"x": random.normal(size=(ROWS, 2)).astype(np.float32)},
            random.normal(size=(ROWS, 1)).astype(np.float32), np.asarray(weights, np.float32))


@pytest.fixture(scope="module")
def both() -> tuple[Any, Any]:
    """Steps of a single rank, and of one of two."""
    return batches(), batches(2)


@settings(max_examples=25)
@given(weights=st.lists(st.one_of(st.just(0.0), st.floats(0.125, 64.0, width=32)), min_size=2 * ROWS,
                        max_size=2 * ROWS), seed=st.integers(0, 99))
def test_an_epochs_loss_and_metrics_are_scikit_learns_with_sample_weight(both: tuple[Any, Any], weights: list[float],
                                                                         seed: int) -> None:
    import tensorflow as tf
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    assume(any(weights))
    steps, rank = both
    given_rows = [batch_of(seed, weights[:ROWS]), batch_of(seed + 1, weights[ROWS:])]
    for inputs, targets, weighed in given_rows:
        steps.validate(inputs, tf.constant(targets), tf.constant(weighed), tf.constant(ROWS))
    result = steps.totals(ALONE)
    truth = np.concatenate([targets for _, targets, _ in given_rows])
    outputs = np.concatenate([np.asarray(steps.networks.predicting(inputs)) for inputs, _, _ in given_rows])
    penalty = L2 * float(np.sum(np.asarray(steps.networks.predicting.layers[-1].kernel) ** 2))
    loss = mean_squared_error(truth, outputs, sample_weight=weights) + penalty
    assert result["loss"] == pytest.approx(loss, rel=1e-5)
    assert result["mae"] == pytest.approx(mean_absolute_error(truth, outputs, sample_weight=weights), rel=1e-5)

    # Two ranks share each batch; one that continues alone has the sums of both.
    shares = []
    for half in (slice(0, ROWS // 2), slice(ROWS // 2, None)):
        for inputs, targets, weighed in given_rows:
            rank.validate({"x": inputs["x"][half]}, tf.constant(targets[half]), tf.constant(weighed[half]),
                          tf.constant(ROWS))
        shares.append(rank.sums())
        rank.totals(ALONE)
    steps.restore_merged(shares, ALONE)
    assert steps.totals(ALONE) == {name: pytest.approx(value, rel=1e-5) for name, value in result.items()}


def test_a_step_is_that_of_plain_keras_with_sample_weight() -> None:
    import_tensorflow()
    import keras
    import tensorflow as tf

    steps, theirs = batches(), batches().networks.predicting
    theirs.compile(keras.optimizers.SGD(0.1), "mse")
    inputs, targets, weights = batch_of(3, [0.0, 9.0, 0.5] * 4)
    for _ in range(3):
        steps.train(inputs, tf.constant(targets), tf.constant(weights), tf.constant(ROWS))
        theirs.train_on_batch(inputs, targets, sample_weight=weights)
    for mine, plain in zip(steps.networks.predicting.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-5, atol=1e-6)


def test_a_row_of_weight_0_moves_no_weight_of_the_model() -> None:
    import tensorflow as tf

    inputs, targets, weights = batch_of(4, [1.0, 0.0] * 6)
    models = []
    for absurd in (0.0, 1e9):
        steps = batches()
        changed = np.where(weights[:, None] == 0, absurd, targets).astype(np.float32)
        steps.train(inputs, tf.constant(changed), tf.constant(weights), tf.constant(ROWS))
        models.append((steps.networks.predicting.get_weights(), steps.totals(ALONE)))
    for one, other in zip(*(weights for weights, _ in models), strict=True):
        np.testing.assert_array_equal(one, other)
    assert models[0][1] == models[1][1]
