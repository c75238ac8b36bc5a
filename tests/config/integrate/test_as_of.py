"""The step that joins the row nearest in time."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.integrate import Step, StepContext

STEP: TypeAdapter[Any] = TypeAdapter(Step)
TABLES = {"prices": {"id": "int", "at": "timestamp", "price": "double", "seen": "timestamp"}}


def context(**columns: str) -> StepContext:
    return StepContext("view", "first", columns, TABLES.get)


def as_of(**settings: Any) -> Any:
    return STEP.validate_python({"as_of": {"table": "prices", "on": ["id"], "time": "at", **settings}})


def test_the_time_of_the_other_table_is_not_added_twice() -> None:
    assert as_of().after(context(id="int", at="timestamp")) == {
        "id": "int", "at": "timestamp", "price": "double", "seen": "timestamp"}


@pytest.mark.parametrize(("settings", "columns", "key"), [
    ({}, {"id": "int", "at": "string"}, "time"), ({}, {"id": "int"}, "time"),
    ({"right_time": "then"}, {"id": "int", "at": "timestamp"}, "right_time"),
    ({"tolerance": 5.0}, {"id": "int", "at": "timestamp"}, "tolerance"),
    ({"latest_by": "when"}, {"id": "int", "at": "timestamp"}, "latest_by"),
    ({"known_by": "seen", "direction": "nearest"}, {"id": "int", "at": "timestamp"}, "known_by")])
def test_problems_name_the_setting(settings: dict[str, Any], columns: dict[str, str], key: str) -> None:
    assert key in [problem.path[0] for problem in as_of(**settings).problems(context(**columns)) if problem.path]


def test_known_by_is_latest_by_unless_it_is_none() -> None:
    columns = {"id": "int", "at": "timestamp"}
    assert list(as_of(latest_by="seen").problems(context(**columns))) == []
    assert list(as_of(latest_by="price", known_by="none").problems(context(**columns))) == []
    with pytest.raises(ValidationError):
        as_of(direction="past")
