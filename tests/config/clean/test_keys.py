"""The rule that keeps one row for each key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def unique(**settings: Any) -> Any:
    return RULE.validate_python({"unique": {"key": ["id"], **settings}})


def test_it_uses_the_key_and_the_column_of_the_order() -> None:
    assert unique().uses() == ["id"]
    assert unique(keep="best", by="score").uses() == ["id", "score"]


def test_the_best_row_needs_a_column_and_a_key_needs_columns() -> None:
    for settings in ({"keep": "best"}, {"key": []}):
        with pytest.raises(ValidationError):
            unique(**settings)
