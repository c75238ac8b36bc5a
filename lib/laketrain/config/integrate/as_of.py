"""The step that gives each row the partner that is nearest in time.

    - as_of: {table: prices, on: [ticker], time: at, tolerance: 2 hours, unmatched: {left: quarantine}}
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.clean.base import is_number
from laketrain.config.durations import Duration
from laketrain.config.integrate.base import Known, Partners, Standing, Told, absent, comparable
from laketrain.config.integrate.join import Unmatched
from laketrain.config.widening import is_time

NotNegative = Annotated[float, Field(ge=0)]


class LonelyPolicy(Section):
    """What happens to rows without a partner. Rows of the other table need none."""

    left: Unmatched = "fatal"
    """Of rows of the table so far: `keep` them with nulls, `quarantine` them, or fail (`fatal`). A row without a key or
    a time has no partner."""


class AsOf(Partners):
    """Each row gets the columns of that row of `table` with its key which is nearest in time: what was known then.
    Times are dates, timestamps or numbers. Rows never fan out."""

    step: Literal["as_of"]
    on: list[str] | dict[str, str] = Field(default_factory=list)
    """The columns of the key, which both sides have; or a mapping of this side's names to the other table's. Without,
    the other table is one series for all rows."""
    time: str
    """This side's time."""
    right_time: str | None = None
    """The other table's time, by default a column of the same name. It is taken too where it gets a name of its own."""
    direction: Literal["backward", "forward", "nearest"] = "backward"
    """The last row up to this time, the first from it on, or the nearer of both; of two equally near ones the earlier.
    Only `backward` never looks into the future."""
    tolerance: Duration | NotNegative | None = None
    """How far away a partner may be at most, e.g. `2 hours`, or a number where times are numbers; by default any."""
    allow_exact: bool = True
    """Whether a row of the very same time is a partner."""
    latest_by: str | None = None
    """Which row counts where several of the other table share key and time: that with the highest value here, e.g. when
    it was recorded. Without, and of equals, such rows are refused."""
    unmatched: LonelyPolicy = LonelyPolicy()
    """What happens to rows without a partner."""

    @property
    def other_time(self) -> str:
        """The other table's time."""
        return self.right_time or self.time

    def taken(self, other: Known) -> dict[str, str]:  # type: ignore[override]
        found = super().taken(other or ())
        if found.get(self.other_time) == self.time:
            del found[self.other_time]
        return found

    def problems(self, here: Standing) -> Iterator[Told]:
        left, right = here.columns, here.tables(self.table)
        yield from super().problems(here)
        yield from absent("column", [self.time], left, ("time",))
        place = "right_time" if self.right_time else "time"
        yield from absent(f"column of {self.table}", [self.other_time], right, (place,))
        yield from absent(f"column of {self.table}", filter(None, [self.latest_by]), right, ("latest_by",))
        mine, others = (left or {}).get(self.time, ""), (right or {}).get(self.other_time, "")
        if problem := comparable(self.time, mine, self.other_time, others, self.table):
            yield ("time",), *problem
        elif kind := mine or others:
            yield from self._unlike_times(kind)

    def _unlike_times(self, kind: str) -> Iterator[Told]:
        if not is_time(kind) and not is_number(kind):
            yield ("time",), f"column {self.time!r} is {kind}, expected a timestamp, a date or a number", (
                f"Cast it in its clean rules, e.g. cast: {{column: {self.time}, to: timestamp}}")
        elif self.tolerance is not None and is_time(kind) != isinstance(self.tolerance, timedelta):
            example = "2 hours" if is_time(kind) else "10"
            yield ("tolerance",), f"received {self.tolerance} for {self.time!r}, which is {kind}", (
                f"Write e.g. tolerance: {example}")
