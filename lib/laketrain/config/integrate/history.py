"""The step that collects an entity's rows into arrays, in the order of time.

    - history: {by: [patient_id], order: at, columns: [code, value], last: 100}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.clean.base import Types
from laketrain.config.integrate.availability import availability_column, availability_problems
from laketrain.config.integrate.base import BaseStep, StepContext, absent
from laketrain.errors import Problem

MOST = 100_000


class History(BaseStep):
    """Collects the events of an entity into arrays, one for each column, in the order of time. Events of equal times
    are ordered by the collected columns, so the order never depends on how Spark partitions the rows."""

    step: Literal["history"]
    by: list[str] = Field(min_length=1)
    """The columns that identify an entity."""
    order: str | list[str] = Field(min_length=1)
    """The column with the time of an event, or a list: the time, then columns that order events of one time."""
    columns: list[str] = Field(min_length=1)
    """The columns that are collected."""
    last: int = Field(ge=1, le=MOST)
    """The most events that are collected: the latest. It bounds the memory of a task. Older events are counted."""
    per: Literal["entity", "event"] = "entity"
    """`entity`: one row for each entity, with its latest events. `event`: every row stays, with the events before it;
    events of exactly the same time aren't before it."""
    prefix: str | None = Field(default=None, min_length=1)
    """The prefix of the arrays' names; by default none per entity, and `earlier_` per event."""
    count: str | None = Field(default=None, min_length=1)
    """A new column with the number of all events of the entity, also older ones; per entity only."""
    latest_by: str | None = None
    """Rows that share an entity and all of `order` are then versions of one event, and the one with the highest value
    in this column counts, e.g. the time of recording. Without it, each row is an event of its own."""
    known_by: str | None = None
    """The column with the time at which a row became known, for `per: event`. A row's arrays contain no event that
    became known at its own time or later. By default the column of `latest_by`, which must then be a time; `none` lets
    arrays contain what became known later. A row without this time is in no array."""
    unplaced: Literal["fatal", "quarantine"] = "fatal"
    """What happens to rows without an entity or a time: fail, or quarantine them."""

    @model_validator(mode="after")
    def _check_count(self) -> History:
        if self.count and self.per == "event":
            raise ValueError("'count' is for per: entity", "Leave it out")
        return self

    @model_validator(mode="after")
    def _check_known_by(self) -> History:
        if self.known_by and self.per == "entity":
            raise ValueError("'known_by' is for per: event: with per: entity a row has no time, and gets what is known "
                             "when the stage runs", "Leave it out, or choose per: event")
        return self

    @property
    def availability_column(self) -> str | None:
        """The column with the time at which a row became known; None if all earlier rows count."""
        return availability_column(self.known_by, self.latest_by) if self.per == "event" else None

    @property
    def label(self) -> str:
        return f"history({', '.join(self.by)})"

    @property
    def order_by(self) -> list[str]:
        """The columns of the order, the time first."""
        return [self.order] if isinstance(self.order, str) else self.order

    @property
    def arrays(self) -> dict[str, str]:
        """The arrays' names, by the names of the collected columns."""
        prefix = self.prefix or ("earlier_" if self.per == "event" else "")
        return {name: prefix + name for name in self.columns}

    def problems(self, context: StepContext) -> Iterator[Problem]:
        columns = context.columns
        latest = [self.latest_by] if self.latest_by else []
        for key, names in (("by", self.by), ("order", self.order_by), ("columns", self.columns),
                             ("latest_by", latest)):
            yield from absent("column", names, columns, (key,))
            for name in names:
                if (columns or {}).get(name, "").lower().startswith("map<"):
                    yield Problem.at((key,), f"column {name!r} is a map, and maps have no order",
                                     "Derive columns from it in clean")
        if self.per == "event":
            time = self.order_by[0]
            yield from availability_problems(self.known_by, self.latest_by, time, (columns or {}).get(time, ""),
                                             columns, "column")
        existing = {name.lower() for name in (self.by if self.per == "entity" else columns or ())}
        new = [*self.arrays.values(), *([self.count] if self.count else [])]
        lower = [name.lower() for name in new]
        for name in sorted({name for name in new if name.lower() in existing or lower.count(name.lower()) > 1}):
            yield Problem.at((), f"there would be two columns {name!r}", "Give the arrays a prefix, e.g. prefix: past_")

    def after(self, context: StepContext) -> Types | None:
        if context.columns is None:
            return {**dict.fromkeys((*self.by, *self.arrays.values()), ""),
                    **({self.count: "bigint"} if self.count else {})} if self.per == "entity" else None
        arrays = {new: f"array<{context.columns[old]}>" if context.columns.get(old) else ""
                  for old, new in self.arrays.items()}
        if self.per == "event":
            return {**context.columns, **arrays}
        kept = {name: context.columns.get(name, "") for name in self.by}
        return {**kept, **arrays, **({self.count: "bigint"} if self.count else {})}
