"""Functions of the user's, named as `module:function`: looked up without running any of their code.

    call_problem("mine:loss")        # None, or what is wrong and what may help
    source_of("mine:loss")           # the module's text, as bytes
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pkgutil import get_importer
from typing import Any

from laketrain.config.base import Told
from laketrain.errors import nearest


def source_of(call: str) -> bytes | None:
    """The text of the module of `call`, which may lie in a zip archive. None where it isn't there, or was compiled."""
    spec = spec_of(call.partition(":")[0])
    loader: Any = spec.loader if spec else None
    if spec is None or not hasattr(loader, "get_data") or not str(spec.origin).endswith(".py"):
        return None
    try:
        text: bytes = loader.get_data(spec.origin)
    except OSError:
        return None
    return text


def call_problem(call: str) -> Told:
    """Why `call` can't be called, as far as that can be told without running the module."""
    module, _, name = call.partition(":")
    if module in sys.modules:
        return None if hasattr(sys.modules[module], name) else _absent(module, name, vars(sys.modules[module]))
    if spec_of(module) is None:
        return (f"Python finds no module {module!r}",
                f"Install it, or put its folder on PYTHONPATH (now {os.environ.get('PYTHONPATH') or 'empty'})")
    text = source_of(call)
    try:
        bound = ["*"] if text is None else list(_bound(ast.parse(text)))
    except (SyntaxError, ValueError) as error:
        return f"module {module!r} is no Python: {error}", ""
    return None if name in bound or "*" in bound else _absent(module, name, bound)


def spec_of(module: str) -> ModuleSpec | None:
    """Where the module is. Python's own search for one in a package would import that."""
    name, *below = module.split(".")
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # the latter for a notebook's own
        return None
    found = [spec] if spec else []
    for part in below:
        folders = [folder for one in found for folder in one.submodule_search_locations or []]
        name = f"{name}.{part}"
        found = [spec for folder in folders if (finder := get_importer(folder)) and (spec := finder.find_spec(name))]
        # Folders of one name without an __init__.py are one package.
        found = [spec for spec in found if spec.loader][:1] or found
    return found[0] if found else None


def _absent(module: str, name: str, there: Mapping[str, object] | list[str]) -> Told:
    public = [one for one in there if one[:1] != "_"]
    hint = nearest(name, public)
    return f"module {module!r} has no function {name!r}", hint if len(hint) < 200 else ""


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that the module's text binds at its top, also under if and try."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
