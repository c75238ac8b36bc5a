"""The rule that rejects near-duplicates."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from laketrain.config.clean import Rule

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


def test_it_uses_the_compared_column_and_the_key() -> None:
    rule = RULE.validate_python({"near_duplicates": {"column": "body", "key": ["id"]}})
    assert rule.uses() == ["body", "id"]


def test_the_column_must_be_comparable() -> None:
    rule = RULE.validate_python({"near_duplicates": {"column": "photo", "kind": "image"}})
    assert list(rule.problems({"photo": "binary"})) == []
    [problem] = rule.problems({"photo": "string"})
    assert "'photo'" in problem.problem
