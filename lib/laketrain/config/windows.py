"""How convert cuts the rows of a time series into sliding windows, each a row of the dataset.

    windows: {by: [station], order: at, max_gap: 1 hour, lookback: 96, horizon: 24, stride: 1}

Features then name `past.load` (an array over the lookback), `next.load` (over the horizon), or plain `load`: the value
in the last row of the window's past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.language.durations import Duration
from laketrain.config.sql.widening import availability_hint, widened
from laketrain.errors import Problem

PAST, NEXT = "past.", "next."
"""The prefixes of a column's name that mean its values in a whole window."""


class Windows(Section):
    """Sliding windows over rows in an order, which never cross an entity, a gap or a split."""

    by: list[str] = Field(default_factory=list)
    """The columns that identify the entity (a station, a patient); by default all rows belong to one entity."""
    order: str
    """The column by which an entity's rows are ordered: a time, a date or a number. A row without a value, or with the
    same value as another row of its entity, is quarantined."""
    lookback: int = Field(ge=1)
    """Rows of the past in a window."""
    horizon: int = Field(default=0, ge=0)
    """Rows after the past in a window, which the model predicts; 0 if the target is in the last row of the past."""
    stride: int = Field(default=1, ge=1)
    """Rows from the start of a window to the start of the next."""
    max_gap: Duration | float | None = None
    """The largest gap between neighbouring rows of a window: `1 hour`, `90 s`, or a number if the order is a number. By
    default any gap is allowed."""
    known_by: str | None = None
    """The column with the time at which a row became known. A window is quarantined if a row of its past became known
    later than the `order` of the last of them, or never. By default each row counts as known at its `order`."""

    @property
    def span(self) -> int:
        """The number of rows of a window."""
        return self.lookback + self.horizon

    @property
    def late_reason(self) -> str:
        """Why a window is quarantined that contains rows which weren't known yet."""
        return f"a row of its past became known, by {self.known_by!r}, after the {self.order!r} of the last, or never"

    def columns(self, table_columns: Iterable[str], future: bool = True) -> set[str]:
        """The columns that features may name, for a table with `table_columns`. Without `future` those of the horizon
        are left out, as they don't exist when predictions are made."""
        plain = set(table_columns)
        after = {NEXT + name for name in plain} if self.horizon and future else set()
        return plain | {PAST + name for name in plain} | after

    def availability_problem(self, types: Mapping[str, str]) -> Problem | None:
        """The problem if `known_by` can't be compared with `order` in a table of these types; '' is an unknown type."""
        order, available = types.get(self.order, ""), types.get(self.known_by or "", "")
        if not order or not available or widened(order, available):
            return None
        return Problem.at((), f"column {self.order!r} is {order}, {self.known_by!r} is {available}",
                          availability_hint(order, available))

    def steps(self, column: str) -> int | None:
        """The number of values of `column` in a window; None for a plain column."""
        return {PAST: self.lookback, NEXT: self.horizon}.get(column[:len(PAST)])


def plain(column: str) -> str:
    """The table's column of `past.load`, `next.load` or `load`."""
    return column[len(PAST):] if column.startswith((PAST, NEXT)) else column
