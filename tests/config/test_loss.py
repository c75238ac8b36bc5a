"""Losses and metrics: by a name, by settings, or by target."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, ValidationError

from laketrain.config.base import Section
from laketrain.config.loss import EVERY, Loss, Losses, Metrics, by_target


class Training(Section):
    loss: Losses = Field(default={EVERY: Loss()})
    metrics: Metrics = Field(default={EVERY: ["auto"]})


def loss(value: Any) -> dict[str, Loss]:
    return Training.model_validate({"loss": value}).loss


def test_a_name_or_settings_are_the_loss_of_every_target() -> None:
    assert loss("mse") == {EVERY: Loss(name="mse")}
    assert loss({"name": "huber", "delta": 2.0}) == {EVERY: Loss(name="huber", delta=2.0)}
    assert loss({"use": "mine:loss"}) == {EVERY: Loss(use="mine:loss")}


def test_losses_by_target_may_be_names_or_settings() -> None:
    assert loss({"kind": {"name": "focal", "weight": 0.5}, "price": "mae"}) == {
        "kind": Loss(name="focal", weight=0.5), "price": Loss(name="mae")}
    assert loss({"weight": "mse"}) == {"weight": Loss(name="mse")}, "a target may have the name of a setting"


@pytest.mark.parametrize("value", [
    {"name": "mse", "delta": 2.0}, {"name": "huber", "gamma": 1.0}, {"use": "mine:loss", "quantile": 0.9}, "msee",
    {"name": "quantile", "quantile": 1.0}, {"weight": -1.0}])
def test_settings_of_another_loss_and_unknown_names_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        loss(value)


def test_metrics_are_a_list_or_lists_by_target() -> None:
    assert Training.model_validate({"metrics": ["auc"]}).metrics == {EVERY: ["auc"]}
    assert Training.model_validate({"metrics": {"kind": ["auc"]}}).metrics == {"kind": ["auc"]}


def test_a_target_has_its_own_declaration_or_that_of_every_target() -> None:
    assert by_target({EVERY: 1, "b": 2}, ["a", "b"]) == {"a": 1, "b": 2}
    assert by_target({"b": 2}, ["a", "b"]) == {"b": 2}
