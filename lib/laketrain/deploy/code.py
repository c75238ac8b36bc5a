"""The code that a job ships beside the environment: laketrain, and the user's own modules that the config names.

    code = local_code(["losses:tweedie"])         # losses.py, and what it imports from beside it
    write_zip(Path("code.zip"), code)             # … --py-files code.zip
    code.installed                                # {"lightgbm"}: what it imports from the environment

Nothing of the modules is run: they are found as Python would find them, and their imports are read.
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

    places: tuple[Path, ...]
    installed: frozenset[str]


def references(value: Any, named: bool = False) -> Iterator[str]:
    """What a workload's data name as `module:function`: models, losses, callbacks, steps, rules."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from references(inner, key in _KEYS)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, named)
    elif named and isinstance(value, str) and _REFERENCE.fullmatch(value):
        yield value


def local_code(names: Iterable[str], source: str = "command line") -> Code:
    """The modules of `names`, and all that they import, sorted into what lies beside the job and what is installed.

    Raises ConfigError where there is no such module.
    """
    modules = sorted({name.partition(":")[0].partition(".")[0] for name in names})
    lost = [module for module in modules if find_module(module) is None]
    if lost:
        raise ConfigError(source, [Problem(module, f"there is no module {module!r} on Python's search path",
                                           "Put its folder into PYTHONPATH") for module in lost])
    places: dict[str, Path] = {}
    installed: set[str] = set()
    owners = importlib.metadata.packages_distributions()
    while modules:
        module = modules.pop()
        place = _place(module)
        if module in owners and (place is None or _in_environment(place)):
            installed.update(owners[module])
        elif place is not None and module not in places and not _in_environment(place):
            places[module] = place
            modules += [name for file in _sources(place) for name in _imports(file)]
    return Code(tuple(places[name] for name in sorted(places)), frozenset(installed))


def write_zip(path: Path, places: Iterable[Path]) -> None:
    """laketrain, and these files and packages, at the top of one zip. The same content gives the same bytes."""
    package = Path(__file__).resolve().parents[1]
    draft = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in (package, *places):
            for file in _sources(place, "*"):
                info = zipfile.ZipInfo(file.relative_to(place.parent).as_posix(), _EPOCH)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, file.read_bytes())
    os.replace(draft, path)


def _sources(place: Path, pattern: str = "*.py") -> list[Path]:
    """The files of a module or of a package, but for bytecode."""
    if place.is_file():
        return [place]
    return sorted(file for file in place.rglob(pattern) if file.is_file() and "__pycache__" not in file.parts)


def _place(module: str) -> Path | None:
    """Where a top-level module lies: its file or its package's folder. None for what is built in or not there."""
    spec = find_module(module)
    if spec is None or spec.origin in (None, "built-in", "frozen"):
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        return Path(folders[0]).resolve() if folders else None
    origin = Path(str(spec.origin)).resolve()
    return origin.parent if spec.submodule_search_locations else origin


def _in_environment(place: Path) -> bool:
    """Whether it is a part of Python or of the packed environment, or laketrain, which goes along anyway."""
    ours = Path(__file__).resolve().parents[1]
    return place == ours or any(place.is_relative_to(Path(prefix).resolve()) for prefix in (sys.prefix, _standard()))


def _standard() -> str:
    return os.path.dirname(os.__file__)


def _imports(file: Path) -> set[str]:
    """The top-level names of what a file imports, wherever in it. A file that isn't Python of this version has none."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return set()
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree)
              if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}
