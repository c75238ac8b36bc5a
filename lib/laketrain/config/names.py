"""Names that hide each other: told, wherever one of two things of one name would be taken in silence.

    alike(["load", "Load"])                              # ("load", "Load")
    hidden_by_window("past.load", windows, known)        # why, and the way out; None where it is no other column's name

Spark minds no capitals, and people see no difference between é as one character and as two (Unicode's NFC and NFD).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from laketrain.config.base import Told
from laketrain.config.windows import NEXT, PAST, Windows, plain

BY_CONVERT = ("_split", "_order", "_key", "_copy")
"""Columns that convert puts beside a table's own while it works."""
DIGEST = "row_digest"
"""The column that predict puts beside the answers with `only_new`."""
BY_PREDICT = ("model", "data", "_reason", "_record")
"""Columns that it puts there always, in its table or its quarantine."""


def same_form(name: str) -> str:
    """What two names have in common that can't be told apart."""
    return unicodedata.normalize("NFC", name).lower()


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that are the same, or can't be told apart; None where all can."""
    first: dict[str, str] = {}
    for name in names:
        form = same_form(name)
        if form in first:
            return first[form], name
        first[form] = name
    return None


def hidden_by_window(column: str, windows: Windows | None, known: Collection[str]) -> Told:
    """Of a column that the config names: told where the table, which has the columns `known`, has one of that very name
    beside what windows call so."""
    if windows is None or column not in known or not column.startswith((PAST, NEXT)):
        return None
    inner = plain(column)
    return (f"could be two things: the table's column {column!r}, and the values of {inner!r} in a window, which are "
            "called so too", f"Give the table's column another name by rules of clean: derive: {{column: "
            f"{column.replace('.', '_')}, sql: '`{column}`', type: …}}, then drop: {{columns: [{column}]}}")


def hidden_by_convert(column: str) -> Told:
    """Of a column that the convert section names: told where convert has one of that name of its own."""
    if column.lower() not in BY_CONVERT:
        return None
    return (f"names {column!r}, a column that convert makes itself",
            f"Rename it before, e.g. SELECT `{column}` AS `{column.strip('_')}_given` in a step sql of integrate")


def hidden_by_answers(kept: Iterable[str], answers: Iterable[str], only_new: bool = False) -> Told:
    """Of columns that stand beside predictions: told where one has a name of theirs, or stands there twice."""
    kept = list(kept)
    own = {same_form(name): name for name in (*answers, *BY_PREDICT, *([DIGEST] if only_new else []))}
    for name in kept:
        if same_form(name) in own:
            return (f"column {name!r} would hide, or be hidden by, what predictions call {own[same_form(name)]!r}",
                    f"Keep it under another name, e.g. by a rule of clean, derive: {{column: {name}_given, sql: "
                    f"'`{name}`', type: …}}, and keep {name}_given")
    if (twice := alike(kept)) is not None:
        return f"columns {twice[0]!r} and {twice[1]!r} can't stand side by side", "Name it once"
    return None
