"""The step that collects the events of an entity."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.integrate import Step, StepContext

STEP: TypeAdapter[Any] = TypeAdapter(Step)
TABLES = {}


def context(**columns: str) -> StepContext:
    return StepContext("view", "first", columns, TABLES.get)


def history(**settings: Any) -> Any:
    return STEP.validate_python({"history": {
        "by": ["user"], "order": "at", "columns": ["item"], "last": 5, **settings}})


COLUMNS = {"user": "int", "at": "timestamp", "item": "string"}


def test_an_entity_has_arrays_and_an_event_keeps_its_columns() -> None:
    assert history(count="n").after(context(**COLUMNS)) == {"user": "int", "item": "array<string>", "n": "bigint"}
    assert history(per="event").after(context(**COLUMNS)) == {**COLUMNS, "earlier_item": "array<string>"}


@pytest.mark.parametrize(("settings", "path"), [
    ({"by": ["usr"]}, ("by",)), ({"order": "when"}, ("order",)), ({"columns": ["itm"]}, ("columns",)),
    ({"columns": ["user"]}, ())])
def test_missing_columns_and_clashes_are_problems(settings: dict[str, Any], path: tuple[str, ...]) -> None:
    assert [problem.path for problem in history(**settings).problems(context(**COLUMNS))] == [path]


@pytest.mark.parametrize("settings", [
    {"last": 0}, {"count": "n", "per": "event"}, {"known_by": "at"}, {"by": []}, {"columns": []}])
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        history(**settings)
