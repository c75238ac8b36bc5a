"""The time at which a record became known (`known_by`). Only rows of that time or later may use the record.

    step.availability_column      # 'recorded_at': the column of `known_by`, or of `latest_by`, which must be a time
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.config.clean.base import Types, is_number
from laketrain.config.integrate.base import absent
from laketrain.config.sql.widening import availability_hint, is_time, widened
from laketrain.errors import Problem

NONE = "none"
"""The value of `known_by` with which rows of any time may use a record, whenever it became known."""


def availability_column(known_by: str | None, latest_by: str | None) -> str | None:
    """The column with the time at which a record became known; None if rows of any time may use it."""
    column = known_by or latest_by
    return None if column == NONE and known_by else column


def availability_problems(known_by: str | None, latest_by: str | None, time: str, kind: str, columns: Types | None,
                          noun: str) -> Iterator[Problem]:
    """Reasons why the column of `known_by`, or else of `latest_by`, can't be compared with rows' times.

    Args:
        time, kind: the column with a row's time and its type, '' if that is unknown.
        columns: those of the table with the records. noun: how messages call such a column.
    """
    if known_by == NONE:
        if NONE in (columns or {}):
            yield Problem.at(("known_by",), f"'none' means no column, but there is a {noun} of that name",
                             "Rename that column in clean")
        return
    yield from absent(noun, filter(None, [known_by]), columns, ("known_by",))
    available = (columns or {}).get(known_by or latest_by or "", "")
    if not kind or not available:
        return
    if known_by and not is_time(kind) and not is_number(kind):
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, expected a timestamp, a date or a number",
                         f"Cast it in its clean rules, e.g. cast: {{column: {time}, to: timestamp}}")
    elif known_by and widened(kind, available) is None:
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, the {noun} {known_by!r} is {available}",
                         availability_hint(kind, available))
    elif not known_by and latest_by and not (is_time(available) and widened(kind, available)):
        yield Problem.at(("latest_by",), f"the {noun} {latest_by!r} is {available}, and {time!r} is {kind}: it doesn't "
                         "determine when a correction became known, and earlier rows would get it",
                         f"Set known_by to the column with that time ({latest_by!r} too, if it is a time and the "
                         "types agree), or to none if rows may use what became known later")
