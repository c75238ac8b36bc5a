"""Early stopping and plateaus against Keras' callbacks, on histories of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laketrain.errors import DataError
from laketrain.train.judge import Judge
from laketrain.workload import Train

VALUES = st.lists(st.integers(0, 6).map(lambda number: number / 4), min_size=1, max_size=14)


def config(**settings: Any) -> Train:
    return Train.model_validate({"model": {"name": "linear"}, **settings})


def judged(values: list[float], given: Train) -> tuple[Judge, list[float]]:
    """After the values, or the one at which it stops; and the factor after each."""
    judge, factors = Judge.of(given), list[float]()
    for epoch, value in enumerate(values, 1):
        judge = Judge(**judge.to_dict())  # as if resumed after each epoch
        judge.see({"val_loss": value, "val_accuracy": value}, epoch, given)
        factors.append(judge.factor)
        if judge.stop:
            break
    return judge, factors


class Fake:
    """What Keras' callbacks need of a model."""

    def __init__(self) -> None:
        import keras

        self.stop_training = False
        self.optimizer = keras.optimizers.SGD(1.0)

    def get_weights(self) -> list[Any]:
        return []


@pytest.mark.slow
@settings(max_examples=40)
@given(values=VALUES, patience=st.integers(1, 4), delta=st.sampled_from([0.0, 0.25]), larger=st.booleans())
@example(values=[1.0, 1.0, 1.0], patience=1, delta=0.0, larger=False)
def test_training_stops_when_keras_would_stop(values: list[float], patience: int, delta: float, larger: bool) -> None:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    monitor = "val_accuracy" if larger else "val_loss"
    mode = "max" if larger else "min"
    callback = keras.callbacks.EarlyStopping(monitor, min_delta=delta, patience=patience, mode=mode)
    model = Fake()
    callback.set_model(model)
    callback.on_train_begin()
    stopped = len(values)
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            stopped = epoch + 1
            break
    judge, factors = judged(values, config(monitor=monitor, early_stopping={"patience": patience, "min_delta": delta}))
    # Keras never stops at its very first epoch; neither do we, for nothing is worse than nothing.
    assert (len(factors), judge.stop) == (stopped, model.stop_training)


@pytest.mark.slow
@settings(max_examples=40)
@given(values=VALUES, patience=st.integers(1, 4), least=st.sampled_from([0.0, 0.2]))
def test_the_rate_falls_when_keras_would_lower_it(values: list[float], patience: int, least: float) -> None:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=patience, min_delta=0.0, min_lr=least)
    callback.set_model(Fake())
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        rates.append(float(callback.model.optimizer.learning_rate.numpy()))
    plateau = {"patience": patience, "factor": 0.5, "min_lr_ratio": least}
    _, factors = judged(values, config(reduce_lr_on_plateau=plateau))
    np.testing.assert_allclose(factors, rates, rtol=1e-6)


@given(values=VALUES, larger=st.booleans())
def test_the_best_epoch_is_the_first_of_the_best(values: list[float], larger: bool) -> None:
    judge, _ = judged(values, config(monitor="val_accuracy" if larger else "val_loss"))
    best = max(values) if larger else min(values)
    assert (judge.best, judge.best_epoch) == (best, 1 + values.index(best))


def test_a_metric_that_is_not_measured_is_named_with_the_nearest() -> None:
    given = config(monitor="val_acuracy")
    with pytest.raises(DataError, match="val_acuracy.*Did you mean 'val_accuracy'"):
        Judge.of(given).see({"epoch": 1, "loss": 1.0, "val_accuracy": 0.5}, 1, given)


@pytest.mark.parametrize(("monitor", "larger"), [
    ("val_accuracy", True), ("top_5_accuracy", True), ("val_price_r2", True), ("tags_auc", True), ("val_loss", False),
    ("val_price_rmse", False), ("val_auction_mae", False), ("val_gps_accuracy_mae", False), ("recalls_loss", False)])
def test_the_metric_says_which_way_is_better_and_not_the_name_of_its_target(monitor: str, larger: bool) -> None:
    assert Judge.of(config(monitor=monitor)).larger is larger


def test_what_is_no_number_is_never_the_best() -> None:
    values = [float("nan"), 0.5, float("nan"), 0.3]
    judge, _ = judged(values, config(early_stopping={"patience": 2}))
    assert (judge.best, judge.best_epoch, judge.stop) == (0.3, 4, False)
    assert judged([float("nan")] * 3, config(early_stopping={"patience": 2}))[0].stop
