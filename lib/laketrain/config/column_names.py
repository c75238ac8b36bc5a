"""Column names that clash, so that one column would silently hide the other.

    find_clash(["load", "Load"])                         # ("load", "Load")
    window_name_clash("past.load", windows, columns)     # a Problem, or None

Spark ignores case, and people see no difference between é as one character and as two (Unicode's NFC and NFD).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from laketrain.config.windows import NEXT, PAST, Windows, plain
from laketrain.errors import Problem

BY_CONVERT = ("_split", "_order", "_key", "_copy")
"""Columns that convert adds to a table's own while it works."""
DIGEST = "row_digest"
"""The column that predict adds to the predictions with `only_new`."""
BY_PREDICT = ("model", "data", "_reason", "_record")
"""Columns that predict always adds to its table or its quarantine."""


def same_form(name: str) -> str:
    """`name` in NFC and small letters: names that can't be distinguished have the same form."""
    return unicodedata.normalize("NFC", name).lower()


def find_clash(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that are equal or can't be distinguished; None if there are none."""
    first: dict[str, str] = {}
    for name in names:
        form = same_form(name)
        if form in first:
            return first[form], name
        first[form] = name
    return None


def window_name_clash(column: str, windows: Windows | None, columns: Collection[str]) -> Problem | None:
    """The problem of a column named in the config that is both a window's array and one of the table's `columns`."""
    if windows is None or column not in columns or not column.startswith((PAST, NEXT)):
        return None
    inner = plain(column)
    return Problem.at(
        (), f"could be two things: the table's column {column!r}, and the values of {inner!r} in a window, which have "
        "the same name", f"Give the table's column another name by rules of clean: derive: {{column: "
        f"{column.replace('.', '_')}, sql: '`{column}`', type: …}}, then drop: {{columns: [{column}]}}")


def convert_name_clash(column: str) -> Problem | None:
    """The problem of a column named in the convert section that convert uses itself; else None."""
    if column.lower() not in BY_CONVERT:
        return None
    return Problem.at((), f"names {column!r}, a column that convert makes itself", "Rename it before, e.g. SELECT "
                      f"`{column}` AS `{column.strip('_')}_given` in a step sql of integrate")


def prediction_name_clash(kept: Iterable[str], outputs: Iterable[str], only_new: bool = False) -> Problem | None:
    """The problem of `kept` columns that have the name of one of the predictions' `outputs`, or are named twice."""
    kept = list(kept)
    taken = {same_form(name): name for name in (*outputs, *BY_PREDICT, *([DIGEST] if only_new else []))}
    for name in kept:
        if same_form(name) in taken:
            return Problem.at(
                (), f"column {name!r} would hide, or be hidden by, what predictions call {taken[same_form(name)]!r}",
                f"Keep it under another name, e.g. by a rule of clean, derive: {{column: {name}_given, sql: "
                f"'`{name}`', type: …}}, and keep {name}_given")
    if (clash := find_clash(kept)) is not None:
        return Problem.at((), f"columns {clash[0]!r} and {clash[1]!r} can't be in one table", "Name it once")
    return None
