"""Plugins: modules that register stages, tasks and other parts when they are imported.

    load_plugins(["my_company.ranking"])      # what a workload's `plugins` names

An installed package needs no mention in a workload: its entry points of the group `laketrain` are imported when a
registry is first read, on the driver and in every other process alike.
"""

from __future__ import annotations

import importlib
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


@cache
def load_installed() -> None:
    """Imports the entry points of installed packages, once in a process."""
    for point in entry_points(group=GROUP):
        _import(point.module, f"entry point {point.name!r}")


def _import(module: str, subject: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever the module raises
        raise LaketrainError("config", subject, f"the import of {module!r} fails: {type(error).__name__}: {error}",
                             "install it or put its folder into PYTHONPATH, then try "
                             f"`python -c 'import {module}'`") from error
