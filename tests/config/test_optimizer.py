"""Settings of optimizers and schedules."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.optimizer import Optimizer


def optimizer(**settings: Any) -> Optimizer:
    return Optimizer.model_validate(settings)


def test_a_schedule_may_be_a_name() -> None:
    assert optimizer(schedule="cosine") == optimizer(schedule={"name": "cosine"})
    assert optimizer(schedule="cosine").schedule.name == "cosine"


@pytest.mark.parametrize("settings", [
    {"name": "sgd", "momentum": 0.9, "nesterov": True}, {"name": "adam", "beta_1": 0.8, "amsgrad": True},
    {"name": "rmsprop", "rho": 0.5, "centered": True}, {"name": "lion", "beta_2": 0.9}, {"clipnorm": 1.0},
    {"schedule": {"name": "steps", "at": [2.0, 4.0], "decay": 0.5}}, {"layer_rates": {"block_*": 0.0}}])
def test_settings_of_the_optimizer_are_accepted(settings: dict[str, Any]) -> None:
    assert optimizer(**settings).model_dump(exclude_unset=True).keys() == settings.keys()


@pytest.mark.parametrize("settings", [
    {"name": "sgd", "beta_1": 0.9}, {"name": "adafactor", "epsilon": 1e-7}, {"name": "sgd", "nesterov": True},
    {"clipnorm": 1.0, "clipvalue": 1.0}, {"schedule": "steps"}, {"schedule": {"name": "cosine", "at": [1.0]}},
    {"schedule": {"name": "constant", "end": 0.1}}, {"schedule": {"name": "linear", "decay": 0.5}},
    {"layer_rates": {"a": -1.0}}, {"learning_rate": 0.0}, {"ema": 1.0}, {"name": "adm"}])
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        optimizer(**settings)
