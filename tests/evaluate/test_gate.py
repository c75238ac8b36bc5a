"""A model within all bounds passes the gate; every broken bound is named."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from laketrain.config.evaluate import Evaluate
from laketrain.errors import GateError
from laketrain.evaluate import check_gate
from laketrain.evaluate.gate import holds

METRICS = {"accuracy": 0.93004, "macro_f1": 0.5, "loss": 0.2, "classes": []}


@pytest.mark.parametrize(("value", "bound", "expected"), [
    (0.95, ">= 0.95", True), (0.9499, ">= 0.95", False), (0.95, "> 0.95", False), (0.951, "> 0.95", True),
    (0.95, "<= 0.95", True), (0.951, "<= 0.95", False), (0.95, "< 0.95", False), (0.949, "< 0.95", True),
    (1.0, ">=1", True), (0.0, ">= 0", True), (0.0009, "< 1e-3", True), (0.94, ">= .95", False),
    (-0.4, ">= -0.5", True), (-0.6, ">= -0.5", False), (2.0, "< +2.", False),
    (float("nan"), ">= 0.1", False), (float("nan"), "<= 0.1", False),
])
def test_a_bound_holds_or_is_broken(value: float, bound: str, expected: bool) -> None:
    assert holds(value, bound) is expected


@pytest.mark.parametrize("bound", ["0.95", "= 0.95", ">= high", ">= --1", "", "=> 0.9", ">= 0.9 or so", ">= .",
                                   "<= 1e999", "< inf", ">= nan", ">= 1e", ">= 1_0"])
def test_a_malformed_bound_is_refused(bound: str) -> None:
    with pytest.raises(ValidationError):
        Evaluate.model_validate({"gate": {"accuracy": bound}})
    with pytest.raises(ValueError, match="isn't a bound"):
        holds(0.5, bound)


def test_only_existing_metrics_can_be_gated() -> None:
    with pytest.raises(ValidationError, match="accuracy"):
        Evaluate.model_validate({"gate": {"acuracy": ">= 0.9"}})


@pytest.mark.parametrize("gate", [{}, {"accuracy": ">= 0.93"}, {"accuracy": "> 0.9", "loss": "<= 0.2"}])
def test_a_model_within_all_bounds_passes(gate: dict[str, str]) -> None:
    check_gate(gate, METRICS, "models/mnist@3 on test")


def test_every_broken_bound_is_named_with_its_value() -> None:
    with pytest.raises(GateError) as caught:
        check_gate({"accuracy": ">= 0.95", "macro_f1": "> 0.4", "loss": "< 0.1"}, METRICS, "models/mnist@3 on test")
    error = caught.value
    assert error.subject == "models/mnist@3 on test"
    assert error.problem == "accuracy is 0.93004, expected >= 0.95; loss is 0.2, expected < 0.1"
    assert "lower the gate" in error.hint
    assert error.exit_code == 3
    assert pickle.loads(pickle.dumps(error)).args == error.args


def test_a_value_just_below_its_bound_is_not_rounded_to_it() -> None:
    with pytest.raises(GateError) as caught:
        check_gate({"accuracy": ">= 0.95"}, {"accuracy": 0.94998}, "it")
    assert caught.value.problem == "accuracy is 0.94998, expected >= 0.95"
