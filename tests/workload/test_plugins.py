"""Plugins of a workload are imported before it is checked."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_each_plugin_that_cannot_be_imported_is_reported(digits: str, problems: Callable[..., list[Problem]]) -> None:
    result = problems(f"plugins: [no_such_plugin, json, neither_this]\n{digits}")
    assert [problem.path for problem in result] == [("plugins", 0), ("plugins", 2)]


def test_a_workload_without_plugins_is_accepted(digits: str, problems: Callable[..., list[Problem]]) -> None:
    assert problems(digits) == []
