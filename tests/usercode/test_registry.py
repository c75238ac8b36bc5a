"""A registry contains the package's parts and those of plugins."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from laketrain.errors import DataError
from laketrain.usercode.registry import Registry


@dataclass(frozen=True)
class Part:
    name: str


@dataclass(frozen=True)
class Other:
    name: str


def test_registered_parts_are_listed_in_order() -> None:
    registry = Registry[Part]("part", [Part("one")])
    registry.register(Part("two"))
    assert list(registry) == ["one", "two"]
    assert registry["two"] == Part("two")
    assert "two" in registry


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match="ranking"):
        Registry[Part]("task", [Part("ranking")])["rankin"]


def test_a_class_registered_again_replaces_itself_and_another_class_is_refused() -> None:
    registry: Registry[Part | Other] = Registry("part", [Part("one")])
    registry.register(Part("one"))
    with pytest.raises(ValueError, match=r"'one' is registered by .*Part already, received .*Other"):
        registry.register(Other("one"))
