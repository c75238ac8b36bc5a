"""The step that adds the rows of other tables."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.integrate import Step, StepContext

STEP: TypeAdapter[Any] = TypeAdapter(Step)
TABLES = {"more": {"id": "bigint", "x": "string"}, "odd": {"id": "string"}}


def context(**columns: str) -> StepContext:
    return StepContext("view", "first", columns, TABLES.get)


def union(**settings: Any) -> Any:
    return STEP.validate_python({"union": {"tables": ["more"], **settings}})


def test_columns_have_the_common_type() -> None:
    assert union().after(context(id="int", x="string")) == {"id": "bigint", "x": "string"}
    assert union(source_column="table").after(context(id="int", x="string")) == {
        "id": "bigint", "x": "string", "table": "string"}


@pytest.mark.parametrize(("settings", "columns", "key"), [
    ({}, {"id": "int"}, ("tables", 0)), ({"tables": ["odd"]}, {"id": "int"}, ("tables", 0)),
    ({"source_column": "x"}, {"id": "int", "x": "string"}, ("source_column",))])
def test_missing_columns_other_types_and_clashes_are_problems(
        settings: dict[str, Any], columns: dict[str, str], key: tuple[str | int, ...]) -> None:
    assert [problem.path for problem in union(**settings).problems(context(**columns))] == [key]


def test_a_missing_column_may_be_null() -> None:
    assert list(union(missing="nulls").problems(context(id="int"))) == []
    with pytest.raises(ValidationError):
        union(tables=[])
