"""Rules that remove or hide personal data."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)
COLUMNS = {"id": "int", "name": "string"}


def test_dropped_columns_are_gone_and_one_is_left() -> None:
    drop = RULE.validate_python({"drop": {"columns": ["name"]}})
    assert drop.after(COLUMNS) == {"id": "int"}
    assert list(drop.problems(COLUMNS)) == []
    assert list(RULE.validate_python({"drop": {"columns": ["id", "name"]}}).problems(COLUMNS))


def test_masked_and_hashed_columns_become_text() -> None:
    for rule in ({"mask": {"columns": ["id"]}}, {"hash": {"columns": ["id"], "key_env": "HASH_KEY"}}):
        assert RULE.validate_python(rule).after(COLUMNS) == {"id": "string", "name": "string"}


def test_the_key_is_in_the_environment_and_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULE.validate_python({"hash": {"columns": ["id"], "key_env": "HASH_KEY"}})
    for key, count in (("", 1), ("s3cr3t", 1), ("k" * 16, 0)):
        monkeypatch.setenv("HASH_KEY", key)
        problems = list(rule.problems(COLUMNS))
        assert len(problems) == count
        assert not any(key and key in str(problem) for problem in problems)


def test_a_key_in_the_config_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        RULE.validate_python({"hash": {"columns": ["id"], "key_env": "s3cr3t-key"}})
    assert "s3cr3t" not in str(caught.value.errors()[0]["ctx"]["error"])
