"""Rules that repair text."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


@pytest.mark.parametrize("name", ["trim", "text"])
def test_repaired_columns_are_text(name: str) -> None:
    rule = RULE.validate_python({name: {"columns": ["x"]}})
    assert rule.uses() == ["x"]
    assert rule.after({"x": "int", "y": "int"}) == {"x": "string", "y": "int"}
    assert not rule.lower


@pytest.mark.parametrize("settings", [{"unicode": "NFD"}, {"escapes": "all"}, {"html": "yes"}])
def test_unknown_repairs_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULE.validate_python({"text": {"columns": ["x"], **settings}})
