"""Checks names and paths in the lake before any storage uses them.

    check_path("clean/pixels/data/1")   # returned unchanged
    check_path("clean/../../etc")       # LakeError that describes what is accepted

Paths are relative to the lake's root and '/'-separated; spaces and non-ASCII characters are allowed. The paths in log
entries are checked too, so a hostile or damaged log can't lead outside the lake.
"""

from __future__ import annotations

import re
import unicodedata

from laketrain.errors import LakeError

TEMPORARY = ".tmp-"
COPYING = "._COPYING_"
"""The suffix of files that Hadoop's `fs -put` is still writing."""
MAX_NAME = 128
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ACCEPTED = "a path relative to the lake's root, its parts joined by '/', none of them empty, '.' or '..', " \
            "without control characters"


def path_problem(path: object) -> str:
    """Why `path` isn't a valid path in the lake; empty if it is."""
    if not isinstance(path, str):
        return f"is a {type(path).__name__}, not text"
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return "has control characters"
    parts = path.split("/")
    if ".." in parts:
        return "has '..' in it"
    if "" in parts or "." in parts:
        return "has an empty part or '.' in it"
    return ""


def check_path(path: str) -> str:
    """Returns `path`. Raises LakeError if it isn't a valid path in the lake."""
    problem = path_problem(path)
    if problem:
        raise LakeError("lake", f"path {path!r}", problem, f"Accepted is {_ACCEPTED}.")
    return path


def check_new_path(path: str) -> str:
    """As `check_path`, for a new file: names that listings hide are refused too."""
    if is_temporary(check_path(path)):
        raise LakeError("lake", f"path {path!r}", f"has a part that begins with {TEMPORARY!r}, which listings hide",
                        "Choose another name.")
    return path


def name_problem(name: object) -> str:
    """Why `name` isn't a valid name of a table; empty if it is."""
    if isinstance(name, str) and _NAME.fullmatch(name) and ".." not in name and len(name) <= MAX_NAME:
        return ""
    return f"Accepted are 1 to {MAX_NAME} characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit, " \
           "without '..'."


def check_name(kind: str, name: str) -> str:
    """Returns `name`. Raises LakeError if it isn't a valid name of a `kind`, e.g. a table."""
    problem = name_problem(name)
    if problem:
        raise LakeError("lake", f"{kind} name {name!r}", "is not a name that the lake can hold", problem)
    return name


def join(base: str, rel: str) -> str:
    """`base/rel`, or `base` if `rel` is empty."""
    return f"{base}/{check_path(rel)}" if rel else base


def is_hidden(path: str) -> bool:
    """Whether Spark ignores the file because of its name, even if it is listed explicitly. Names of folders don't
    matter."""
    name = path.rpartition("/")[2]
    return name.startswith(".") or name.endswith(COPYING) or (name.startswith("_") and "=" not in name)


def is_temporary(path: str) -> bool:
    """Whether a part of `path` names a temporary file or directory."""
    return any(part.startswith(TEMPORARY) for part in path.split("/"))
