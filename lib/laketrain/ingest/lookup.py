"""What a file system has at a path: a file, a directory with all below it, or what a glob matches.

    base, infos = looked_up(filesystem, "/landing/2026-*/*.csv")

Nothing is left out in silence: where a directory that may hold some of it can't be listed, the error of that is raised.
fsspec's own `find` and `glob` go on without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem
from fsspec.utils import glob_translate

Infos = Mapping[str, Mapping[str, Any]]
"""What a file system tells of each path."""

_GENERIC = AsyncFileSystem._find


def looked_up(filesystem: Any, pattern: str) -> tuple[str, Infos]:
    """What names are relative to, and what is there. A name that is there as it is written is taken by its word: dates
    and runs in brackets are no wildcards then.

    Raises OSError or ValueError where it can't be listed.
    """
    if filesystem.isdir(pattern):
        base = pattern.rstrip("/") + "/"
        # With details, so that a store of objects is asked once a folder and not once a file.
        return base, _walked(filesystem, base, lambda directory: True) if _walks(filesystem) else (
            filesystem.find(base, withdirs=True, detail=True))
    if "[" in pattern and not re.search(r"[*?]", pattern) and filesystem.isfile(pattern):
        return pattern.rpartition("/")[0] + "/", {pattern: filesystem.info(pattern)}
    base = _fixed_directory(pattern)
    if not re.search(r"[*?\[]", pattern):
        return base, _one(filesystem, pattern)
    if not _walks(filesystem):
        return base, filesystem.glob(pattern, detail=True)
    matches = re.compile(glob_translate(pattern)).match
    found = _walked(filesystem, base, lambda directory: _may_hold(directory, pattern))
    return base, {path: info for path, info in found.items() if matches(path)}


def _fixed_directory(pattern: str) -> str:
    """The directory before the first wildcard, with its last slash."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] + "/"


def _one(filesystem: Any, path: str) -> Infos:
    """The file, where there is one. That it may not be asked for isn't that there is none."""
    try:
        return {path: filesystem.info(path)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _walks(filesystem: Any) -> bool:
    """Whether fsspec would look for files from directory to directory. Stores of objects list all below a prefix at
    once, or fail."""
    kind = type(filesystem)
    return kind.find is AbstractFileSystem.find and getattr(kind, "_find", _GENERIC) is _GENERIC


def _walked(filesystem: Any, base: str, enters: Callable[[str], bool]) -> Infos:
    """All below `base`, in the directories that `enters` lets pass. One that is gone meanwhile holds nothing, and what
    a hidden one holds would be passed over."""
    found: dict[str, Mapping[str, Any]] = {}
    ahead = [base]
    while ahead:
        directory = ahead.pop()
        try:
            infos = filesystem.ls(directory, detail=True)
        except FileNotFoundError:
            continue
        except OSError:
            if any(part.startswith(".") for part in directory[len(base):].split("/")):
                continue
            raise
        for info in infos:
            path = info["name"].rstrip("/")
            if path != directory.rstrip("/"):
                found[info["name"]] = info
                if info["type"] == "directory" and enters(path):
                    ahead.append(path)
    return found


def _may_hold(directory: str, pattern: str) -> bool:
    """Whether the directory, or one below it, may hold what the pattern matches."""
    there, wanted = directory.split("/"), pattern.split("/")
    for part, want in zip(there, wanted, strict=False):
        if want == "**":
            return True
        if not fnmatchcase(part, want):
            return False
    return len(there) < len(wanted)
