"""The time at which a record became known: it may not be later than the time of a row that matches the record.

    step.known      # 'recorded_at': of `known_by`, or of `latest_by`, which must then be a time
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.config.clean.base import is_number
from laketrain.config.integrate.base import Known, absent
from laketrain.config.sql.widening import is_time, known_by_hint, widened
from laketrain.errors import Problem

NONE = "none"
"""The value of `known_by` with which records count for rows of any time, however late they became known."""


def known_column(known_by: str | None, latest_by: str | None) -> str | None:
    """The column with the time at which a record became known; None if no such time is compared."""
    column = known_by or latest_by
    return None if column == NONE and known_by else column


def known_problems(known_by: str | None, latest_by: str | None, time: str, kind: str, columns: Known,
                   whose: str) -> Iterator[Problem]:
    """Reasons why the column of `known_by`, or else of `latest_by`, can't be compared with rows' times.

    Args:
        time, kind: the column with a row's time and its type, '' if that is unknown.
        columns: those of the table with the records. whose: the noun for such a column in messages.
    """
    if known_by == NONE:
        if NONE in (columns or {}):
            yield Problem.at(("known_by",), f"'none' means no column, but there is a {whose} of that name",
                             "Rename that column in clean")
        return
    yield from absent(whose, filter(None, [known_by]), columns, ("known_by",))
    known = (columns or {}).get(known_by or latest_by or "", "")
    if not kind or not known:
        return
    if known_by and not is_time(kind) and not is_number(kind):
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, expected a timestamp, a date or a number",
                         f"Cast it in its clean rules, e.g. cast: {{column: {time}, to: timestamp}}")
    elif known_by and widened(kind, known) is None:
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, the {whose} {known_by!r} is {known}",
                         known_by_hint(kind, known))
    elif not known_by and latest_by and not (is_time(known) and widened(kind, known)):
        yield Problem.at(("latest_by",), f"the {whose} {latest_by!r} is {known}, and {time!r} is {kind}: so it isn't "
                         "known when a correction became known, and rows from before that would get it",
                         f"Add known_by: the column with that time ({latest_by!r} too, if it is one and the types "
                         "agree), or known_by: none where rows may look ahead")
