"""When a record was known, beside when it was so: neither may lie after the time of a row that gets it.

    step.known      # 'recorded_at': by `known_by`, or by `latest_by`, which has to be such a time then
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.config.clean.base import is_number
from laketrain.config.integrate.base import Known, absent
from laketrain.config.sql.widening import is_time, known_by_hint, widened
from laketrain.errors import Problem

NONE = "none"
"""What `known_by` says where records count for rows of any time, however late they became known."""


def known_column(known_by: str | None, latest_by: str | None) -> str | None:
    """The column with the time at which a record was known; None where no such time is held to."""
    found = known_by or latest_by
    return None if found == NONE and known_by else found


def known_problems(known_by: str | None, latest_by: str | None, time: str, kind: str, columns: Known,
                   whose: str) -> Iterator[Problem]:
    """Why the column of `known_by`, or of `latest_by` alone, can't be held against rows' times.

    Args:
        time, kind: the column with a row's time and its type, '' where that isn't known.
        columns: those of the table that has the records. whose: what messages call a column of it.
    """
    if known_by == NONE:
        if NONE in (columns or {}):
            yield Problem.at(("known_by",), f"'none' stands for no column, and there is a {whose} of that name",
                             "Rename that column in clean")
        return
    yield from absent(whose, filter(None, [known_by]), columns, ("known_by",))
    found = (columns or {}).get(known_by or latest_by or "", "")
    if not kind or not found:
        return
    if known_by and not is_time(kind) and not is_number(kind):
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, expected a timestamp, a date or a number",
                         f"Cast it in its clean rules, e.g. cast: {{column: {time}, to: timestamp}}")
    elif known_by and widened(kind, found) is None:
        yield Problem.at(("known_by",), f"column {time!r} is {kind}, the {whose} {known_by!r} is {found}",
                         known_by_hint(kind, found))
    elif not known_by and latest_by and not (is_time(found) and widened(kind, found)):
        yield Problem.at(("latest_by",), f"the {whose} {latest_by!r} is {found}, and {time!r} is {kind}: so it isn't "
                         "known when a correction became known, and rows from before that would get it",
                         f"Add known_by: the column with that time ({latest_by!r} too, if it is one and the types "
                         "agree), or known_by: none where rows may look ahead")
