"""The rule that is a function of the user's.

    - function: {call: "hospital.cleaning:join_names", adds: {full_name: string}, drops: [first, last]}
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from laketrain.config.clean.base import BaseRule, Told, Types, new_name, told_apart
from laketrain.config.types import SparkType
from laketrain.errors import nearest


class Function(BaseRule):
    """A Python function from DataFrame to DataFrame, for what no other rule does.

    It gets the rows that are still good, with the columns `_file`, `_record` and `_reject`, which it must hand on. It
    may change values and columns, and mark rows with `laketrain.clean.reject`, but must neither lose nor make rows:
    that is checked, and told.
    """

    rule: Literal["function"]
    call: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
    """`module:function`. The module must be found by the driver's Python, and by the executors' where the function
    ships Python code to them."""
    adds: dict[str, SparkType] = Field(default_factory=dict)
    """Columns that it adds, or whose type it changes, with their types."""
    drops: list[str] = Field(default_factory=list)
    """Columns that it takes away."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Handed to the function as keyword arguments."""

    @field_validator("adds")
    @classmethod
    def _new(cls, adds: dict[str, str]) -> dict[str, str]:
        return {new_name(name): kind for name, kind in adds.items()}

    def uses(self) -> list[str]:
        return self.drops

    def after(self, columns: Types) -> Types:
        return {**{name: kind for name, kind in columns.items() if name not in self.drops}, **self.adds}

    def problem(self, columns: Mapping[str, str]) -> Told:
        told = (told_apart(name, columns) for name in self.adds)
        return next((one for one in told if one), None) or call_problem(self.call)


def source_of(call: str) -> Path | None:
    """The file that the module of `call` stands in, found without running any of it; None where there is none."""
    parts = call.partition(":")[0].split(".")
    folders: list[str] | None = None
    for depth in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[:depth + 1]), folders)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or [])
        if depth + 1 < len(parts) and not folders:
            return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def call_problem(call: str) -> Told:
    """Why `call` can't be called, as far as that can be told without running the module."""
    module, _, name = call.partition(":")
    if module in sys.modules:
        return None if hasattr(sys.modules[module], name) else _absent(module, name, vars(sys.modules[module]))
    source = source_of(call)
    if source is None:
        return (f"Python finds no module {module!r}",
                f"Install it, or put its folder on PYTHONPATH (now {os.environ.get('PYTHONPATH') or 'empty'})")
    if source.suffix != ".py":
        return None
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError) as error:
        return f"module {module!r} is no Python: {error}", ""
    bound = list(_bound(tree))
    return None if name in bound or "*" in bound else _absent(module, name, bound)


def _absent(module: str, name: str, there: Mapping[str, object] | list[str]) -> Told:
    return f"module {module!r} has no function {name!r}", nearest(name, [one for one in there if one[:1] != "_"][:20])


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that the module's text binds at its top, also under if and try."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
