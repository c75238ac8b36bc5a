"""Rules that convert types."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def cast(**settings: Any) -> Any:
    return RULE.validate_python({"cast": {"column": "x", **settings}})


@pytest.mark.parametrize("settings", [
    {"to": "int", "format": "yyyy"}, {"to": "date", "zone": "Europe/Berlin"}, {"to": "string", "decimal": ","},
    {"to": "double", "thousands": "."}, {"to": "double", "decimal": "12"}, {"to": "timestamp", "zone": "Europe/Berln"},
    {"to": "timestamp", "format": "%Y-%m-%d"}, {"to": "date", "format": "YYYY-MM-dd"},
    {"to": "timestamp", "format": "yyyy-MM-dd HH:mm z", "zone": "Europe/Berlin"}, {"to": "number"}])
def test_settings_that_do_not_fit_the_type_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        cast(**settings)


@pytest.mark.parametrize("settings", [
    {"to": "timestamp", "format": "dd.MM.yyyy HH:mm", "zone": "Europe/Berlin"}, {"to": "timestamp", "zone": "+01:00"},
    {"to": "decimal(10,2)", "decimal": ",", "thousands": "."}, {"to": "date", "format": "dd.MM.yyyy 'at'"}])
def test_settings_that_fit_the_type_are_accepted(settings: dict[str, Any]) -> None:
    assert cast(**settings).after({"x": "string", "y": "int"}) == {"x": settings["to"], "y": "int"}


def test_parse_leaves_an_array() -> None:
    rule = RULE.validate_python({"parse": {"column": "x", "as": "array<int>"}})
    assert (rule.separator, rule.after({"x": "string"})) == (" ", {"x": "array<int>"})


def test_derive_adds_its_column_at_the_end() -> None:
    rule = RULE.validate_python({"derive": {"column": "z", "sql": "x + 1", "type": "int"}})
    assert list(rule.after({"x": "int", "y": "int"})) == ["x", "y", "z"]
    assert list(rule.problems({"Z": "int"})), "Spark can't distinguish z and Z"
    with pytest.raises(ValidationError):
        RULE.validate_python({"derive": {"column": "_file", "sql": "1", "type": "int"}})
