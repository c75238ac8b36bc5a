"""Plugins are imported once, from a workload's list or from entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from laketrain.errors import LaketrainError
from laketrain.usercode import plugins
from laketrain.usercode.registry import Registry


@dataclass(frozen=True)
class Part:
    name: str


REGISTRY: Registry[Part] = Registry("part", [Part("built_in")])
NAMES = ("plugin_that_reads", "plugin_that_fails", "plugin_next")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules that can be imported; no installed plugin is loaded yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(REGISTRY, "_parts", {"built_in": Part("built_in")})
    monkeypatch.setitem(sys.modules, "plugin_parts", sys.modules[__name__])
    plugins._import_installed.cache_clear()
    yield tmp_path
    plugins._import_installed.cache_clear()
    for name in NAMES:
        sys.modules.pop(name, None)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Writes modules, each an entry point of laketrain's group."""
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code, "utf-8")
    points = [EntryPoint(name, name, plugins.GROUP) for name in modules]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)


def test_a_plugin_that_is_missing_is_named_with_its_error() -> None:
    with pytest.raises(LaketrainError, match="plugins 'no_such_plugin': the import of 'no_such_plugin' fails"):
        plugins.load_plugins(["no_such_plugin"])


def test_installed_plugins_are_loaded_when_a_registry_is_first_read(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, monkeypatch, plugin_next="import plugin_parts as p\np.REGISTRY.register(p.Part('next'))\n")
    assert "plugin_next" not in sys.modules
    assert list(REGISTRY) == ["built_in", "next"]


def test_an_installed_plugin_may_read_a_registry_while_it_is_imported(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, monkeypatch,
            plugin_that_reads="import plugin_parts as p\nseen = [*p.REGISTRY]\np.REGISTRY.register(p.Part('reads'))\n",
            plugin_next="import plugin_parts as p\np.REGISTRY.register(p.Part('next'))\n")
    assert list(REGISTRY) == ["built_in", "reads", "next"]
    assert sys.modules["plugin_that_reads"].seen == ["built_in"]


def test_an_installed_plugin_that_reads_a_registry_and_fails_is_reported_each_time(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, monkeypatch, plugin_that_fails="import plugin_parts as p\nlist(p.REGISTRY)\n1 / 0\n")
    for _ in range(2):
        with pytest.raises(LaketrainError, match="entry point 'plugin_that_fails': .* fails: ZeroDivisionError"):
            list(REGISTRY)
