"""The rule that fills missing values."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def impute(**settings: Any) -> Any:
    return RULE.validate_python({"impute": {"columns": ["x"], **settings}})


@pytest.mark.parametrize("settings", [
    {"method": "constant"}, {"method": "mean", "value": 0.0}, {"method": "forward"}, {"method": "mode", "along": "at"},
    {"method": "constant", "value": 0.0, "by": ["g"]}, {"method": "median", "columns": []}])
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        impute(**settings)


def test_it_uses_the_columns_of_groups_and_of_the_order() -> None:
    assert set(impute(method="forward", along="at", by=["meter"]).uses()) == {"x", "meter", "at"}


def test_means_need_numbers() -> None:
    assert list(impute(method="mean").problems({"x": "string"}))
    assert list(impute(method="mean").problems({"x": "double"})) == []
    assert list(impute(method="mode").problems({"x": "string"})) == []
