"""A registry has the package's parts and those of plugins."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from laketrain.errors import DataError, LaketrainError
from laketrain.usercode.plugins import load_plugins
from laketrain.usercode.registry import Registry


@dataclass(frozen=True)
class Part:
    name: str


@dataclass(frozen=True)
class Other:
    name: str


def test_a_registered_part_is_known_by_name_in_order() -> None:
    registry = Registry[Part]("part", [Part("one")])
    registry.register(Part("two"))
    assert list(registry) == ["one", "two"]
    assert registry["two"] == Part("two")
    assert "two" in registry


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match="ranking"):
        Registry[Part]("task", [Part("ranking")])["rankin"]


def test_two_classes_of_one_name_are_refused_and_one_class_again_replaces() -> None:
    registry: Registry[Part | Other] = Registry("part", [Part("one")])
    registry.register(Part("one"))
    with pytest.raises(ValueError, match=r"'one' is registered by .*Part already, received .*Other"):
        registry.register(Other("one"))


def test_a_plugin_that_fails_is_named_with_its_error() -> None:
    with pytest.raises(LaketrainError, match="no_such_plugin"):
        load_plugins(["no_such_plugin"])
