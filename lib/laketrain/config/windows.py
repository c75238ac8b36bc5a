"""How convert cuts the rows of a time series into windows: one row of the dataset each.

    windows: {by: [station], order: at, max_gap: 1 hour, lookback: 96, horizon: 24, stride: 1}

Features then name `past.load` (an array of the lookback), `next.load` (of the horizon), or plain `load`: what the
window's last row of the past has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.language.durations import Duration
from laketrain.config.sql.widening import known_by_hint, widened
from laketrain.errors import Problem

PAST, NEXT = "past.", "next."
"""What stands before a column's name where its values of a whole window are meant."""


class Windows(Section):
    """Sliding windows over rows in an order, which never cross an entity, a gap or a split."""

    by: list[str] = Field(default_factory=list)
    """The columns that name the entity (a station, a patient); by default all rows are of one."""
    order: str
    """The column by which an entity's rows are ordered: a time, a date or a number. A row without one, or with the same
    one as another of its entity, is quarantined."""
    lookback: int = Field(ge=1)
    """Rows of the past that a window holds."""
    horizon: int = Field(default=0, ge=0)
    """Rows after them that it holds, which the model is to tell; 0 where the target is in the last row of the past."""
    stride: int = Field(default=1, ge=1)
    """Rows from the beginning of a window to that of the next."""
    max_gap: Duration | float | None = None
    """The most that may lie between neighbours in a window: `1 hour`, `90 s`, or a number where the order is one. By
    default neighbours may lie as far apart as they like."""
    known_by: str | None = None
    """The column with the time at which a row became known. A window with a row of the past that became known after the
    order of the last of them, or never, is quarantined. By default rows count as known at their place in the order."""

    @property
    def span(self) -> int:
        """Rows of a window."""
        return self.lookback + self.horizon

    @property
    def late_reason(self) -> str:
        """Why a window is quarantined that contains rows which weren't known yet."""
        return f"a row of its past became known, by {self.known_by!r}, after the {self.order!r} of the last, or never"

    def columns(self, known: Iterable[str], future: bool = True) -> set[str]:
        """What features may name, of a table with the columns `known`; without the `future`, which nobody has when
        predictions are made."""
        plain = set(known)
        after = {NEXT + name for name in plain} if self.horizon and future else set()
        return plain | {PAST + name for name in plain} | after

    def known_by_problem(self, types: Mapping[str, str]) -> Problem | None:
        """The problem if `known_by` can't be compared with `order` in a table of these types; '' is an unknown type."""
        order, known = types.get(self.order, ""), types.get(self.known_by or "", "")
        if not order or not known or widened(order, known):
            return None
        return Problem.at((), f"column {self.order!r} is {order}, {self.known_by!r} is {known}",
                          known_by_hint(order, known))

    def steps(self, column: str) -> int | None:
        """How many values `column` has in a window; None for a plain one."""
        return {PAST: self.lookback, NEXT: self.horizon}.get(column[:len(PAST)])


def plain(column: str) -> str:
    """The table's column that a feature means by `past.load`, `next.load` or `load`."""
    return column[len(PAST):] if column.startswith((PAST, NEXT)) else column
