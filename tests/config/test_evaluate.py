"""Settings of evaluation and prediction."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from laketrain.config.evaluate import Evaluate, Predict, parse_bound


@pytest.mark.parametrize(("bound", "expected"), [
    (">= 0.95", (">=", 0.95)), ("<1", ("<", 1.0)), ("> -.5", (">", -0.5)), ("<=1e-3", ("<=", 0.001))])
def test_a_bound_is_a_sign_and_a_number(bound: str, expected: tuple[str, float]) -> None:
    assert parse_bound(bound) == expected


@pytest.mark.parametrize("bound", ["0.95", "= 0.95", ">= ", ">= 1e999", "≥ 0.95", ">= 0.95 "])
def test_other_bounds_are_refused(bound: str) -> None:
    with pytest.raises(ValueError):
        parse_bound(bound)
    with pytest.raises(ValidationError):
        Evaluate(gate={"accuracy": bound})


def test_a_gate_may_name_a_metric_of_a_target() -> None:
    assert Evaluate(gate={"label.accuracy": ">= 0.9"}).gate == {"label.accuracy": ">= 0.9"}
    with pytest.raises(ValidationError):
        Evaluate(gate={"label.acuracy": ">= 0.9"})


@pytest.mark.parametrize(("model", "accepted"), [
    ("models/mnist", True), ("models/mnist@3", True), ("mnist", False), ("models/mnist@0", False)])
def test_the_model_of_a_prediction_is_a_ref(model: str, accepted: bool) -> None:
    if accepted:
        assert Predict(table="new", model=model).model == model
    else:
        with pytest.raises(ValidationError):
            Predict(table="new", model=model)
