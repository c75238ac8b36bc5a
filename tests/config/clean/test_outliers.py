"""The rule about outliers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def test_columns_must_be_numbers() -> None:
    rule = RULE.validate_python({"outliers": {"columns": ["x"], "by": ["g"]}})
    assert rule.uses() == ["x", "g"]
    assert list(rule.problems({"x": "decimal(9,2)"})) == []
    assert list(rule.problems({"x": "string"}))


@pytest.mark.parametrize("settings", [{"limit": 0.0}, {"method": "mad"}, {"action": "drop"}, {"columns": []}])
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULE.validate_python({"outliers": {"columns": ["x"], **settings}})
