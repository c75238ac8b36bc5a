"""Names of a package whose modules are imported when a name is first used, so that importing the package is cheap.

    __getattr__ = lazy_names(__name__, {"clean": "laketrain.clean.stage"})
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from laketrain.errors import nearest


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    Args:
        modules: for each name, the module that defines it.
    """
    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}. {nearest(name, modules)}")
        value = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
