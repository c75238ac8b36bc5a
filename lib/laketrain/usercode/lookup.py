"""Looks up functions of the user's, named `module:function`, without running any of their code.

    call_problem("mine:loss")        # None, or a Problem
    module_source("mine:loss")       # the module's text, as bytes
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pkgutil import get_importer
from typing import Any

from laketrain.errors import Problem, nearest


def module_source(call: str) -> bytes | None:
    """The text of the module of `call`, also from a zip archive. None if there is no such module, or no text of it."""
    spec = find_module(call.partition(":")[0])
    loader: Any = spec.loader if spec else None
    if spec is None or not hasattr(loader, "get_data") or not str(spec.origin).endswith(".py"):
        return None
    try:
        text: bytes = loader.get_data(spec.origin)
    except OSError:
        return None
    return text


def call_problem(call: str) -> Problem | None:
    """Why `call` can't be called, as far as the module's text shows; None if nothing is wrong with it."""
    module, _, name = call.partition(":")
    if module in sys.modules:
        return None if hasattr(sys.modules[module], name) else _missing(module, name, vars(sys.modules[module]))
    if find_module(module) is None:
        return Problem.at((), f"Python finds no module {module!r}", "Install it, or put its folder on PYTHONPATH (now "
                          f"{os.environ.get('PYTHONPATH') or 'empty'})")
    text = module_source(call)
    try:
        names = ["*"] if text is None else list(_assigned_names(ast.parse(text)))
    except (SyntaxError, ValueError) as error:
        return Problem.at((), f"module {module!r} isn't valid Python: {error}")
    return None if name in names or "*" in names else _missing(module, name, names)


def find_module(module: str) -> ModuleSpec | None:
    """The module's spec. `importlib.util.find_spec` would import the packages that contain it."""
    name, *submodules = module.split(".")
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # the latter for a module of a notebook
        return None
    specs = [spec] if spec else []
    for part in submodules:
        folders = [folder for each in specs for folder in each.submodule_search_locations or []]
        name = f"{name}.{part}"
        specs = [spec for folder in folders if (finder := get_importer(folder)) and (spec := finder.find_spec(name))]
        # Folders of the same name without an __init__.py are one namespace package.
        specs = [spec for spec in specs if spec.loader][:1] or specs
    return specs[0] if specs else None


def _missing(module: str, name: str, names: Iterable[str]) -> Problem:
    hint = nearest(name, [each for each in names if each[:1] != "_"])
    return Problem.at((), f"module {module!r} has no function {name!r}", hint if len(hint) < 200 else "")


def _assigned_names(tree: ast.Module) -> Iterator[str]:
    """The names that the module's text assigns at its top level, also under if and try."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
