"""The step that gathers an entity's rows, in the order of time.

    - history: {by: [patient_id], order: at, columns: [code, value], last: 100}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.integrate.base import BaseStep, Known, StepContext, absent
from laketrain.config.integrate.known import known_column, known_problems
from laketrain.errors import Problem

MOST = 100_000


class History(BaseStep):
    """The events of an entity as arrays, one for each column and in the order of time. Of equal times the order is
    that of the columns gathered, so it never depends on how Spark cut the rows."""

    step: Literal["history"]
    by: list[str] = Field(min_length=1)
    """The columns that name an entity."""
    order: str | list[str] = Field(min_length=1)
    """The time of an event, or a list: the time, then what tells events of one time apart."""
    columns: list[str] = Field(min_length=1)
    """The columns that are gathered."""
    last: int = Field(ge=1, le=MOST)
    """How many events are gathered at most: the latest. It bounds what one task holds; older ones are counted."""
    per: Literal["entity", "event"] = "entity"
    """A row an entity, with its latest events; or every row stays, with the events before it. Events of the very same
    time aren't before it."""
    prefix: str | None = Field(default=None, min_length=1)
    """What is put before the arrays' names; by default nothing per entity, and `earlier_` per event."""
    count: str | None = Field(default=None, min_length=1)
    """A new column with the number of all the entity's events, those before `last` too; per entity only."""
    latest_by: str | None = None
    """Rows that share an entity and all of `order` are then versions of one event: that with the highest value here
    counts, e.g. when it was recorded. Without, each row is an event of its own."""
    known_by: str | None = None
    """The column with the time at which a row became known, for `per: event`: a row's arrays have none that became
    known at its own time or later. By default what `latest_by` names, which must be such a time then; `none` where they
    may have what became known later. A row that lacks this time is in no arrays."""
    unplaced: Literal["fatal", "quarantine"] = "fatal"
    """Rows without an entity or a time: fail, or quarantine them."""

    @model_validator(mode="after")
    def _counts_entities(self) -> History:
        if self.count and self.per == "event":
            raise ValueError("'count' is for per: entity", "Leave it out")
        return self

    @model_validator(mode="after")
    def _knows_by_events(self) -> History:
        if self.known_by and self.per == "entity":
            raise ValueError("'known_by' is for per: event: a row an entity has no time of its own, and gets what is "
                             "known when the stage runs", "Leave it out, or choose per: event")
        return self

    @property
    def known(self) -> str | None:
        """The column with the time at which a row was known; None where any earlier one counts."""
        return known_column(self.known_by, self.latest_by) if self.per == "event" else None

    @property
    def label(self) -> str:
        return f"history({', '.join(self.by)})"

    @property
    def order_by(self) -> list[str]:
        """The columns of the order, the time first."""
        return [self.order] if isinstance(self.order, str) else self.order

    @property
    def arrays(self) -> dict[str, str]:
        """The arrays' names: a gathered column's name to that of its array."""
        prefix = self.prefix or ("earlier_" if self.per == "event" else "")
        return {name: prefix + name for name in self.columns}

    def problems(self, context: StepContext) -> Iterator[Problem]:
        columns = context.columns
        latest = [self.latest_by] if self.latest_by else []
        for place, names in (("by", self.by), ("order", self.order_by), ("columns", self.columns),
                             ("latest_by", latest)):
            yield from absent("column", names, columns, (place,))
            for name in names:
                if (columns or {}).get(name, "").lower().startswith("map<"):
                    yield Problem.at((place,), f"column {name!r} is a map, and maps have no order",
                                     "Derive columns from it in clean")
        if self.per == "event":
            time = self.order_by[0]
            yield from known_problems(self.known_by, self.latest_by, time, (columns or {}).get(time, ""), columns,
                                      "column")
        there = {name.lower() for name in (self.by if self.per == "entity" else columns or ())}
        new = [*self.arrays.values(), *([self.count] if self.count else [])]
        lower = [name.lower() for name in new]
        for name in sorted({name for name in new if name.lower() in there or lower.count(name.lower()) > 1}):
            yield Problem.at((), f"there would be two columns {name!r}", "Give the arrays a prefix, e.g. prefix: past_")

    def after(self, context: StepContext) -> Known:
        if context.columns is None:
            return {**dict.fromkeys((*self.by, *self.arrays.values()), ""),
                    **({self.count: "bigint"} if self.count else {})} if self.per == "entity" else None
        arrays = {new: f"array<{context.columns[old]}>" if context.columns.get(old) else ""
                  for old, new in self.arrays.items()}
        if self.per == "event":
            return {**context.columns, **arrays}
        kept = {name: context.columns.get(name, "") for name in self.by}
        return {**kept, **arrays, **({self.count: "bigint"} if self.count else {})}
