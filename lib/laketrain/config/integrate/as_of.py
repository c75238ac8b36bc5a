"""The step that joins each row to the row of another table that is nearest in time.

    - as_of: {table: prices, on: [ticker], time: at, tolerance: 2 hours, unmatched: {left: quarantine}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.clean.base import Types, is_number
from laketrain.config.integrate.availability import NONE, availability_column, availability_problems
from laketrain.config.integrate.base import BaseJoin, StepContext, absent, type_mismatch
from laketrain.config.integrate.join import Unmatched
from laketrain.config.language.durations import Duration
from laketrain.config.sql.widening import is_time, widened
from laketrain.errors import Problem

NotNegative = Annotated[float, Field(ge=0)]


class AsOfUnmatchedPolicy(Section):
    """What happens to rows without a match. Rows of the other table don't need one."""

    left: Unmatched = "fatal"
    """Unmatched rows of the table so far: `keep` them with nulls, `quarantine` them, or fail (`fatal`). A row without a
    key or a time has no match."""


class AsOf(BaseJoin):
    """Joins each row to the row of `table` with the same key that is nearest in time; with `known_by`, only to rows
    that were known by then. Times are dates, timestamps or numbers. Each row has at most one match."""

    step: Literal["as_of"]
    on: list[str] | dict[str, str] = Field(default_factory=list)
    """The columns of the key, which both sides have, or a mapping of this side's names to the other table's. Without
    it, the other table is one series for all rows."""
    time: str
    """The column with this side's time."""
    right_time: str | None = None
    """The column with the other table's time, by default of the same name. If it gets another name, it is added too."""
    direction: Literal["backward", "forward", "nearest"] = "backward"
    """`backward`: the last row up to this time. `forward`: the first row from it on. `nearest`: the nearer of both, the
    earlier if they are equally near. Only `backward` never looks into the future."""
    tolerance: Duration | NotNegative | None = None
    """The largest distance of a match in time, e.g. `2 hours`, or a number if times are numbers; by default any. It is
    measured to the match's own time, not to the time at which it became known."""
    allow_exact: bool = True
    """Whether a row of exactly the same time matches, and one that became known at exactly the same time."""
    latest_by: str | None = None
    """If several rows of the other table share key and time, the one with the highest value in this column counts, e.g.
    the time of recording. Without `latest_by` and `known_by`, or if values are equal, such rows fail the stage."""
    known_by: str | None = None
    """The other table's column with the time at which a row became known, for `direction: backward`. A row never
    matches one that became known after its own time. By default the column of `latest_by`, which must then be a time;
    `none` lets rows match what became known later. A row without this time was never known."""
    unmatched: AsOfUnmatchedPolicy = AsOfUnmatchedPolicy()
    """What happens to rows without a match."""

    @property
    def other_time(self) -> str:
        """The column with the other table's time."""
        return self.right_time or self.time

    @property
    def availability_column(self) -> str | None:
        """The other table's column with the time at which a row became known; None if all rows count."""
        return availability_column(self.known_by, self.latest_by)

    @property
    def versions(self) -> list[str]:
        """The columns that distinguish rows of one key and time; the highest values count."""
        return list(dict.fromkeys(filter(None, [self.latest_by, self.availability_column])))

    def added_columns(self, other: Iterable[str]) -> dict[str, str]:
        columns = super().added_columns(other)
        if columns.get(self.other_time) == self.time:
            del columns[self.other_time]
        return columns

    def problems(self, context: StepContext) -> Iterator[Problem]:
        left, right = context.columns, context.tables(self.table)
        yield from super().problems(context)
        yield from absent("column", [self.time], left, ("time",))
        key = "right_time" if self.right_time else "time"
        yield from absent(f"column of {self.table}", [self.other_time], right, (key,))
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
            yield from self._availability_problems(common, right)

    def _availability_problems(self, kind: str, right: Types | None) -> Iterator[Problem]:
        if self.availability_column is None or self.direction == "backward":
            yield from availability_problems(self.known_by, self.latest_by, self.time, kind, right,
                                             f"column of {self.table}")
            return
        yield Problem.at(("known_by" if self.known_by else "latest_by",),
                         f"direction: {self.direction} matches rows of a later time, whenever they became known",
                         f"Write known_by: {NONE} if that is intended, e.g. for a label. With direction: backward a "
                         "row matches the last that was known at its time")

    def _time_problems(self, kind: str) -> Iterator[Problem]:
        if not is_time(kind) and not is_number(kind):
            yield Problem.at(("time",), f"column {self.time!r} is {kind}, expected a timestamp, a date or a number",
                             f"Cast it in its clean rules, e.g. cast: {{column: {self.time}, to: timestamp}}")
        elif self.tolerance is not None and is_time(kind) != isinstance(self.tolerance, timedelta):
            example = "2 hours" if is_time(kind) else "10"
            yield Problem.at(("tolerance",), f"received {self.tolerance} for {self.time!r}, which is {kind}",
                             f"Write e.g. tolerance: {example}")
