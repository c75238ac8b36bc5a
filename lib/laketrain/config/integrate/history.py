"""The step that gathers an entity's rows, in the order of time.

    - history: {by: [patient_id], order: at, columns: [code, value], last: 100}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.integrate.base import BaseStep, Known, Standing, Told, absent

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
    unplaced: Literal["fatal", "quarantine"] = "fatal"
    """Rows without an entity or a time: fail, or quarantine them."""

    @model_validator(mode="after")
    def _counts_entities(self) -> History:
        if self.count and self.per == "event":
            raise ValueError("'count' is for per: entity", "Leave it out")
        return self

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

    def problems(self, here: Standing) -> Iterator[Told]:
        columns = here.columns
        for place, names in (("by", self.by), ("order", self.order_by), ("columns", self.columns)):
            yield from absent("column", names, columns, (place,))
            for name in names:
                if (columns or {}).get(name, "").lower().startswith("map<"):
                    yield (place,), f"column {name!r} is a map, and maps have no order", (
                        "Derive columns from it in clean")
        there = {name.lower() for name in (self.by if self.per == "entity" else columns or ())}
        new = [*self.arrays.values(), *([self.count] if self.count else [])]
        lower = [name.lower() for name in new]
        for name in sorted({name for name in new if name.lower() in there or lower.count(name.lower()) > 1}):
            yield (), f"there would be two columns {name!r}", "Give the arrays a prefix, e.g. prefix: past_"

    def after(self, here: Standing) -> Known:
        if here.columns is None:
            return {**dict.fromkeys((*self.by, *self.arrays.values()), ""),
                    **({self.count: "bigint"} if self.count else {})} if self.per == "entity" else None
        arrays = {new: f"array<{here.columns[old]}>" if here.columns.get(old) else ""
                  for old, new in self.arrays.items()}
        if self.per == "event":
            return {**here.columns, **arrays}
        kept = {name: here.columns.get(name, "") for name in self.by}
        return {**kept, **arrays, **({self.count: "bigint"} if self.count else {})}
