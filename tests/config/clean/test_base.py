"""What all rules share: the columns that they use and leave."""

from __future__ import annotations

import pytest

from laketrain.config.clean.base import (
    case_clash,
    is_interval,
    is_number,
    new_name,
    replaced,
    require_numbers,
    to_number,
)


@pytest.mark.parametrize(("kind", "expected"), [
    ("int", True), ("BIGINT", True), (" double ", True), ("decimal(10,2)", True), ("smallint", True), ("string", False),
    ("array<int>", False), ("interval day to second", False), ("timestamp", False)])
def test_numeric_types_are_recognised(kind: str, expected: bool) -> None:
    assert is_number(kind) is expected


def test_new_columns_are_last_and_others_keep_their_position() -> None:
    columns = {"a": "string", "b": "int"}
    assert list(replaced(columns, ["c", "a"], "double").items()) == [("a", "double"), ("b", "int"), ("c", "double")]


def test_the_first_column_that_is_not_a_number_is_reported() -> None:
    columns = {"a": "int", "b": "string", "c": "string"}
    assert list(require_numbers("mean", ["a"], columns)) == []
    [problem] = require_numbers("mean", ["a", "b", "c"], columns)
    assert "'b'" in problem.problem


def test_an_interval_is_cast_to_seconds_or_months() -> None:
    assert is_interval("Interval day to second") and not is_interval("int")
    assert '"decimal(20,6)"' in to_number("x", "interval day to second")
    assert "to: int}" in to_number("x", "interval year to month")
    assert "to: double}" in to_number("x", "string")


@pytest.mark.parametrize("name", ["", "_file", "_RECORD", "_split"])
def test_names_that_stages_use_are_refused(name: str) -> None:
    with pytest.raises(ValueError):
        new_name(name)


def test_names_that_differ_only_in_case_clash() -> None:
    assert case_clash("Age", ["id", "age"]) is not None
    assert case_clash("age", ["id", "age"]) is None, "it replaces the column"
