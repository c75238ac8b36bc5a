"""The step with a SELECT."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from laketrain.config.integrate import Step, StepContext

STEP: TypeAdapter[Any] = TypeAdapter(Step)
TABLES = {}


def context(**columns: str) -> StepContext:
    return StepContext("view", "first", columns, TABLES.get)


def sql(query: str) -> Any:
    return STEP.validate_python({"sql": query})


def test_the_columns_are_those_that_it_selects() -> None:
    assert list(sql("SELECT id, x AS y FROM view").after(context(id="int", x="string")) or ()) == ["id", "y"]


def test_an_unknown_view_and_columns_of_one_name_are_problems() -> None:
    assert list(sql("SELECT id FROM view").problems(context(id="int"))) == []
    assert list(sql("SELECT id FROM other").problems(context(id="int")))
    assert list(sql("SELECT id, id FROM view").problems(context(id="int")))
