"""The rule that calls a function of the user."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def function(**settings: Any) -> Any:
    return RULE.validate_python({"function": {"call": "json:dumps", **settings}})


def test_its_columns_follow_from_what_it_adds_and_drops() -> None:
    rule = function(adds={"full": "string"}, drops=["first"])
    assert rule.uses() == ["first"]
    assert rule.after({"id": "int", "first": "string"}) == {"id": "int", "full": "string"}


@pytest.mark.parametrize("settings", [{"call": "json"}, {"call": "1a:b"}, {"adds": {"_file": "string"}}])
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        function(**settings)


def test_a_missing_function_or_a_clash_of_names_is_a_problem() -> None:
    assert list(function().problems({"id": "int"})) == []
    assert list(function(call="json:no_such_function").problems({"id": "int"}))
    assert list(function(adds={"ID": "int"}).problems({"id": "int"}))
