"""Plugins: modules that register stages, tasks and other parts when they are imported.

    load_plugins(["my_company.ranking"])      # what a workload's `plugins` names

An installed package needs no mention in a workload: every process imports its entry points of the group `laketrain`
when it first reads a registry.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points

from laketrain.errors import LaketrainError

GROUP = "laketrain"
"""The group of entry points: `[project.entry-points.laketrain] ranking = "my_company.ranking"`."""


def load_plugins(modules: Iterable[str]) -> None:
    """Imports the modules, so that they register their parts.

    Raises:
        LaketrainError: one can't be imported.
    """
    for module in modules:
        _import(module, f"plugins {module!r}")


_thread = threading.local()


def load_installed() -> None:
    """Imports the entry points of installed packages, once in a process.

    Does nothing if a plugin that is being imported calls it, by reading a registry.

    Raises:
        LaketrainError: one can't be imported. The next call tries again.
    """
    if getattr(_thread, "loading", False):
        return
    _thread.loading = True
    try:
        _import_installed()
    finally:
        _thread.loading = False


@cache
def _import_installed() -> None:
    for point in entry_points(group=GROUP):
        _import(point.module, f"entry point {point.name!r}")


def _import(module: str, subject: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever the module raises
        raise LaketrainError("config", subject, f"the import of {module!r} fails: {type(error).__name__}: {error}",
                             "install it or put its folder into PYTHONPATH, then try "
                             f"`python -c 'import {module}'`") from error
