"""Expands a path to files: a file, all files below a directory, or the matches of a glob.

    base, infos = expand(filesystem, "/landing/2026-*/*.csv")

A directory that may contain matches but can't be listed raises an error; fsspec's own `find` and `glob` would skip it.
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
"""By path, fsspec's information about a file or directory."""

_GENERIC = AsyncFileSystem._find


def expand(filesystem: Any, pattern: str) -> tuple[str, Infos]:
    """The directory that names are relative to, and the matching files. If a file of exactly this name exists, brackets
    in it, e.g. around a date, aren't wildcards.

    Raises OSError or ValueError where a directory can't be listed.
    """
    if filesystem.isdir(pattern):
        base = pattern.rstrip("/") + "/"
        # With details, so that an object store is queried once a folder and not once a file.
        return base, _walk(filesystem, base, lambda directory: True) if _walks(filesystem) else (
            filesystem.find(base, withdirs=True, detail=True))
    if "[" in pattern and not re.search(r"[*?]", pattern) and filesystem.isfile(pattern):
        return pattern.rpartition("/")[0] + "/", {pattern: filesystem.info(pattern)}
    base = _fixed_directory(pattern)
    if not re.search(r"[*?\[]", pattern):
        return base, _single_file(filesystem, pattern)
    if not _walks(filesystem):
        return base, filesystem.glob(pattern, detail=True)
    matches = re.compile(glob_translate(pattern)).match
    infos = _walk(filesystem, base, lambda directory: _may_contain_matches(directory, pattern))
    return base, {path: info for path, info in infos.items() if matches(path)}


def _fixed_directory(pattern: str) -> str:
    """The directory before the first wildcard, ending in a slash."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] + "/"


def _single_file(filesystem: Any, path: str) -> Infos:
    """The file if it exists. A missing permission raises: it doesn't mean that the file is missing."""
    try:
        return {path: filesystem.info(path)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _walks(filesystem: Any) -> bool:
    """Whether fsspec lists directory by directory. Object stores list everything below a prefix at once, or fail."""
    kind = type(filesystem)
    return kind.find is AbstractFileSystem.find and getattr(kind, "_find", _GENERIC) is _GENERIC


def _walk(filesystem: Any, base: str, enters: Callable[[str], bool]) -> Infos:
    """Everything below `base`, in the directories for which `enters` is true. Ignores directories that were deleted
    meanwhile, and unreadable ones that are hidden."""
    result: dict[str, Mapping[str, Any]] = {}
    waiting = [base]
    while waiting:
        directory = waiting.pop()
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
                result[info["name"]] = info
                if info["type"] == "directory" and enters(path):
                    waiting.append(path)
    return result


def _may_contain_matches(directory: str, pattern: str) -> bool:
    """Whether the directory, or one below it, may contain matches of the pattern."""
    names, patterns = directory.split("/"), pattern.split("/")
    for name, glob in zip(names, patterns, strict=False):
        if glob == "**":
            return True
        if not fnmatchcase(name, glob):
            return False
    return len(names) < len(patterns)
