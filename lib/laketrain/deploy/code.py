"""The code that a job ships besides the environment: laketrain, and the user's modules that the config names.

    code = local_code(["losses:tweedie"])         # losses.py, and the user's modules that it imports
    write_zip(Path("code.zip"), code.paths)       # … --py-files code.zip
    code.installed                                # {"lightgbm"}: distributions that it imports

The modules aren't run: they are looked up on Python's search path, and their import statements are read.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laketrain.errors import ConfigError, Problem
from laketrain.usercode.lookup import find_module

_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_KEYS = ("use", "call", "callbacks", "step")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Code:
    """Files and packages of the user's, and the distributions that they import from the environment."""

    paths: tuple[Path, ...]
    installed: frozenset[str]


def references(value: Any, named: bool = False) -> Iterator[str]:
    """The `module:function` names in a workload's data: models, losses, callbacks, steps, rules."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from references(inner, key in _KEYS)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, named)
    elif named and isinstance(value, str) and _REFERENCE.fullmatch(value):
        yield value


def local_code(names: Iterable[str], source: str = "command line") -> Code:
    """The modules of `names` and all that they import: the user's files, and installed distributions.

    Raises ConfigError if a module doesn't exist.
    """
    modules = sorted({name.partition(":")[0].partition(".")[0] for name in names})
    missing = [module for module in modules if find_module(module) is None]
    if missing:
        raise ConfigError(source, [Problem(module, f"there is no module {module!r} on Python's search path",
                                           "Put its folder into PYTHONPATH") for module in missing])
    paths: dict[str, Path] = {}
    installed: set[str] = set()
    owners = importlib.metadata.packages_distributions()
    while modules:
        module = modules.pop()
        path = _module_path(module)
        if module in owners and (path is None or _in_environment(path)):
            installed.update(owners[module])
        elif path is not None and module not in paths and not _in_environment(path):
            paths[module] = path
            modules += [name for file in _sources(path) for name in _imports(file)]
    return Code(tuple(paths[name] for name in sorted(paths)), frozenset(installed))


def write_zip(path: Path, modules: Iterable[Path]) -> None:
    """Writes laketrain, and these files and packages, to the top level of a zip. Equal content has equal bytes."""
    package = Path(__file__).resolve().parents[1]
    draft = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in (package, *modules):
            for file in _sources(module, "*"):
                info = zipfile.ZipInfo(file.relative_to(module.parent).as_posix(), _EPOCH)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, file.read_bytes())
    os.replace(draft, path)


def _sources(module: Path, pattern: str = "*.py") -> list[Path]:
    """The files of a module or of a package, without bytecode."""
    if module.is_file():
        return [module]
    return sorted(file for file in module.rglob(pattern) if file.is_file() and "__pycache__" not in file.parts)


def _module_path(module: str) -> Path | None:
    """A top-level module's file or its package's folder. None for built-in modules and those that don't exist."""
    spec = find_module(module)
    if spec is None or spec.origin in (None, "built-in", "frozen"):
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        return Path(folders[0]).resolve() if folders else None
    origin = Path(str(spec.origin)).resolve()
    return origin.parent if spec.submodule_search_locations else origin


def _in_environment(path: Path) -> bool:
    """Whether it is part of Python or of the packed environment, or laketrain, which is always shipped."""
    ours = Path(__file__).resolve().parents[1]
    environment = [Path(prefix).resolve() for prefix in (sys.prefix, _standard_library())]
    return path == ours or any(path.is_relative_to(folder) for folder in environment)


def _standard_library() -> str:
    return os.path.dirname(os.__file__)


def _imports(file: Path) -> set[str]:
    """The top-level names of what a file imports, also inside functions. A file that Python can't parse has none."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return set()
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree)
              if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}
