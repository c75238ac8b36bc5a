"""Learning rates against Keras' own schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.config.optimizer import Optimizer
from laketrain.train.lr_schedule import learning_rate_at

UPDATES, PER_EPOCH = 40, 10


def rates(**schedule: Any) -> list[float]:
    optimizer = Optimizer.model_validate({"learning_rate": 0.5, "schedule": schedule})
    return [learning_rate_at(optimizer, update, UPDATES, PER_EPOCH) for update in range(UPDATES)]


def of_keras(schedule: Any) -> list[float]:
    return [float(schedule(update)) for update in range(UPDATES)]


@pytest.mark.slow
def test_schedules_are_those_of_keras() -> None:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    from keras.optimizers import schedules

    pairs = [
        (rates(name="cosine", end=0.1), schedules.CosineDecay(0.5, UPDATES, alpha=0.1)),
        (rates(name="linear", end=0.2), schedules.PolynomialDecay(0.5, UPDATES, end_learning_rate=0.1)),
        (rates(name="exponential", decay=0.3), schedules.ExponentialDecay(0.5, PER_EPOCH, 0.3)),
        (rates(name="steps", at=[1.0, 3.0], decay=0.1), schedules.PiecewiseConstantDecay([9, 29], [0.5, 0.05, 0.005])),
    ]
    for ours, keras in pairs:
        np.testing.assert_allclose(ours, of_keras(keras), rtol=1e-5, atol=1e-8)


def test_a_constant_rate_stays() -> None:
    assert set(rates(name="constant")) == {0.5}


def test_warm_up_rises_evenly_to_the_first_rate_and_the_schedule_begins_there() -> None:
    result = rates(name="cosine", warmup=0.4)
    np.testing.assert_allclose(result[:4], [0.5 * step / 5 for step in (1, 2, 3, 4)])
    assert result[4] == 0.5
    assert result[4:] == sorted(result[4:], reverse=True)


@given(name=st.sampled_from(["constant", "cosine", "linear", "exponential", "steps"]), warmup=st.floats(0, 9),
       end=st.floats(0, 1), updates=st.integers(1, 500), per_epoch=st.floats(0.2, 100), update=st.integers(0, 600))
def test_a_rate_is_never_above_the_first_nor_below_nothing(
        name: str, warmup: float, end: float, updates: int, per_epoch: float, update: int) -> None:
    own = {"cosine": {"end": end}, "linear": {"end": end}, "steps": {"at": [2.0]}}
    settings = {"name": name, "warmup": warmup, **own.get(name, {})}
    optimizer = Optimizer.model_validate({"learning_rate": 0.5, "schedule": settings})
    assert 0 <= learning_rate_at(optimizer, update, updates, per_epoch) <= 0.5 + 1e-12


@pytest.mark.parametrize(("settings", "message"), [
    ({"name": "adam", "momentum": 0.9}, "optimizer 'adam' has no momentum; sgd, rmsprop have"),
    ({"name": "sgd", "beta_1": 0.9}, "has no beta_1; adam, adamw"),
    ({"clipnorm": 1.0, "global_clipnorm": 1.0}, "clipnorm and global_clipnorm can't both be set"),
    ({"schedule": {"name": "steps"}}, "set both, or neither"),
    ({"schedule": {"name": "cosine", "at": [1.0]}}, "set both, or neither"),
    ({"schedule": {"end": 0.1}}, "schedule 'constant' doesn't use `end`; cosine and linear do"),
    ({"schedule": {"name": "cosine", "decay": 0.5}}, "doesn't use `decay`; exponential and steps do"),
    ({"name": "sgd", "nesterov": True}, "`nesterov` needs a momentum"),
    ({"layer_rates": {"dense": -1.0}}, "must be 0 or more"),
    ({"schedule": "cosinus"}, "Input should be 'constant', 'cosine'"),
])
def test_settings_that_can_not_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Optimizer.model_validate(settings)
    assert message in str(caught.value)
