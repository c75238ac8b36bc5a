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
from laketrain.config.integrate.base import Known, Partners, StepContext, absent, type_mismatch
from laketrain.config.integrate.join import Unmatched
from laketrain.config.integrate.known import NONE, known_column, known_problems
from laketrain.config.language.durations import Duration
from laketrain.config.sql.widening import is_time, widened
from laketrain.errors import Problem

NotNegative = Annotated[float, Field(ge=0)]


class AsOfUnmatchedPolicy(Section):
    """What happens to rows without a partner. Rows of the other table need none."""

    left: Unmatched = "fatal"
    """Of rows of the table so far: `keep` them with nulls, `quarantine` them, or fail (`fatal`). A row without a key or
    a time has no partner."""


class AsOf(Partners):
    """Each row gets the columns of that row of `table` with its key which is nearest in time; with `known_by`, of those
    that were known by then. Times are dates, timestamps or numbers. Rows never fan out."""

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
    """How far away a partner may be at most, e.g. `2 hours`, or a number where times are numbers; by default any. It is
    measured to the partner's own time, never to that at which it was known."""
    allow_exact: bool = True
    """Whether a row of the very same time is a partner, and one that was known at the very same time."""
    latest_by: str | None = None
    """Which row counts where several of the other table share key and time: that with the highest value here, e.g.
    when it was recorded. Without this and `known_by`, and of equals, such rows are refused."""
    known_by: str | None = None
    """The other table's column with the time at which a row became known, for `direction: backward`: a row of this side
    gets none that became known after its own time. By default what `latest_by` names, which must be such a time then;
    `none` where rows may get what became known later. A row that lacks this time was never known."""
    unmatched: AsOfUnmatchedPolicy = AsOfUnmatchedPolicy()
    """What happens to rows without a partner."""

    @property
    def other_time(self) -> str:
        """The other table's time."""
        return self.right_time or self.time

    @property
    def known(self) -> str | None:
        """The other table's column with the time at which a row was known; None where any row counts."""
        return known_column(self.known_by, self.latest_by)

    @property
    def versions(self) -> list[str]:
        """What tells rows of one key and time apart, of which the highest counts."""
        return list(dict.fromkeys(filter(None, [self.latest_by, self.known])))

    def taken(self, other: Known) -> dict[str, str]:  # type: ignore[override]
        found = super().taken(other or ())
        if found.get(self.other_time) == self.time:
            del found[self.other_time]
        return found

    def problems(self, context: StepContext) -> Iterator[Problem]:
        left, right = context.columns, context.tables(self.table)
        yield from super().problems(context)
        yield from absent("column", [self.time], left, ("time",))
        place = "right_time" if self.right_time else "time"
        yield from absent(f"column of {self.table}", [self.other_time], right, (place,))
        yield from absent(f"column of {self.table}", filter(None, [self.latest_by]), right, ("latest_by",))
        if (right or {}).get(self.latest_by or "", "").lower().startswith("map<"):
            yield Problem.at(("latest_by",), f"column {self.latest_by!r} is a map, and maps have no order",
                             "Choose another column")
        mine, others = (left or {}).get(self.time, ""), (right or {}).get(self.other_time, "")
        if problem := type_mismatch(self.time, mine, self.other_time, others, self.table):
            yield problem.below("time")
        elif kind := mine or others:
            yield from self._time_problems(kind)
        common = widened(mine, others) if mine and others else ""
        if common is not None:
            yield from self._known_by_problems(common, right)

    def _known_by_problems(self, kind: str, right: Known) -> Iterator[Problem]:
        if self.known is None or self.direction == "backward":
            yield from known_problems(self.known_by, self.latest_by, self.time, kind, right,
                                      f"column of {self.table}")
            return
        yield Problem.at(("known_by" if self.known_by else "latest_by",),
                         f"direction: {self.direction} takes rows of a later time, whenever they became known",
                         f"Write known_by: {NONE} where that is meant, e.g. for a label; of what was known at a row's "
                         "time, direction: backward finds the last")

    def _time_problems(self, kind: str) -> Iterator[Problem]:
        if not is_time(kind) and not is_number(kind):
            yield Problem.at(("time",), f"column {self.time!r} is {kind}, expected a timestamp, a date or a number",
                             f"Cast it in its clean rules, e.g. cast: {{column: {self.time}, to: timestamp}}")
        elif self.tolerance is not None and is_time(kind) != isinstance(self.tolerance, timedelta):
            example = "2 hours" if is_time(kind) else "10"
            yield Problem.at(("tolerance",), f"received {self.tolerance} for {self.time!r}, which is {kind}",
                             f"Write e.g. tolerance: {example}")
