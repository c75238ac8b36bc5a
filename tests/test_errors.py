"""Errors name the next step and survive pickling."""

from __future__ import annotations

import pickle

import pytest

from laketrain.errors import ConfigError, DataError, GateError, LaketrainError, Problem, RankError, nearest


def test_an_error_has_its_stage_subject_problem_and_next_step() -> None:
    error = DataError("convert", "feature 'image'", "got float32, expected uint8.", "cast it")
    assert str(error) == "[convert] feature 'image': got float32, expected uint8. Next: cast it"
    assert str(DataError("convert", "feature 'image'", "is empty")) == "[convert] feature 'image': is empty"


@pytest.mark.parametrize("error", [
    DataError("convert", "a", "b", "c"), GateError("evaluate", "a", "b"),
    RankError("train", "a", "b", "c", rank=3, log="last\nlines"),
    ConfigError("conf.yaml", [Problem("train.epochs", "is text", "Write a number", 7)]),
], ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: LaketrainError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_exit_codes_distinguish_config_gate_and_other_errors() -> None:
    assert [error.exit_code for error in (DataError, ConfigError, GateError)] == [1, 2, 3]


def test_a_config_error_lists_all_problems() -> None:
    error = ConfigError("conf.yaml", [Problem("a", "is wrong", line=3), Problem("b.0", "is text", "Write a number")])
    assert str(error).splitlines() == [
        "[config] conf.yaml: 2 problems", "  - line 3, a: is wrong", "  - b.0: is text. Write a number"]


def test_a_problem_moves_below_an_outer_part() -> None:
    problem = Problem.at(("on", 0), "is missing").below("integrate", "digits")
    assert (problem.where, problem.path) == ("integrate.digits.on.0", ("integrate", "digits", "on", 0))


def test_the_nearest_name_is_suggested_or_all_are_listed() -> None:
    assert nearest("epoch", ["epochs", "batch"]) == "Did you mean 'epochs'?"
    assert nearest("xyz", ["epochs", "batch"]) == "Accepted: batch, epochs"
    assert nearest("xyz", []) == ""
