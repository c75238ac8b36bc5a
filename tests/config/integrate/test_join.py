"""The step that joins by a key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.integrate import Step, StepContext

STEP: TypeAdapter[Any] = TypeAdapter(Step)
TABLES = {"prices": {"id": "int", "price": "double"}}


def context(**columns: str) -> StepContext:
    return StepContext("view", "first", columns, TABLES.get)


def join(**settings: Any) -> Any:
    return STEP.validate_python({"join": {"table": "prices", "on": ["id"], "relation": "many-to-one", **settings}})


def test_columns_of_the_other_table_are_added() -> None:
    assert join().after(context(id="int", name="string")) == {"id": "int", "name": "string", "price": "double"}
    assert join(prefix="p_").after(context(id="int")) == {"id": "int", "p_price": "double"}
    assert join(rename={"price": "cost"}).after(context(id="int")) == {"id": "int", "cost": "double"}


@pytest.mark.parametrize(("columns", "key"), [
    ({"name": "string"}, ("on",)), ({"id": "string"}, ("on",)), ({"id": "int", "PRICE": "double"}, ())])
def test_missing_keys_other_types_and_clashes_are_problems(columns: dict[str, str], key: tuple[str, ...]) -> None:
    [problem] = join().problems(context(**columns))
    assert problem.path == key


@pytest.mark.parametrize("settings", [
    {"on": []}, {"relation": "one-to-many"}, {"columns": ["a"], "rename": {"b": "c"}}])
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        join(**settings)
