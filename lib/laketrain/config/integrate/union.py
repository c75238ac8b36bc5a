"""The step that adds the rows of other tables, column by column of the same name.

    - union: {tables: [visits_2024, visits_2025], missing: nulls, source_column: year}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from laketrain.config.base import Name
from laketrain.config.clean.base import case_clash
from laketrain.config.integrate.base import BaseStep, Known, StepContext
from laketrain.config.sql.widening import widened
from laketrain.errors import Problem, nearest


class Union(BaseStep):
    """All rows of other tables are added. Columns go by name; two types become the one that holds both exactly, e.g.
    int and bigint become bigint, and are refused where there is none. Rows that are alike stay."""

    step: Literal["union"]
    tables: list[Name] = Field(min_length=1)
    """The tables whose rows are added, in this order."""
    missing: Literal["fail", "nulls"] = "fail"
    """A column that one of the tables lacks: an error, since a renamed column looks so; or nulls in its rows."""
    source_column: str | None = Field(default=None, min_length=1)
    """A new column that tells the table from which a row came."""

    @property
    def label(self) -> str:
        return f"union({', '.join(self.tables)})"

    def reads(self) -> list[str]:
        return list(self.tables)

    def problems(self, context: StepContext) -> Iterator[Problem]:
        parts = self._parts(context)
        every = self.columns_of(context) or {}
        first, *others = parts
        for place, (name, columns) in enumerate(others):
            where = ("tables", place)
            if columns is None or parts[0][1] is None:
                continue
            yield from (problem.below(*where) for column in columns if (problem := case_clash(column, every)))
            if self.missing == "fail":
                yield from _lacking(where, first, (name, columns))
        for column in every:
            kinds = {name: columns[column] for name, columns in parts if columns and columns.get(column)}
            yield from _at_odds(column, kinds, self.tables)
        if self.source_column and (problem := case_clash(self.source_column, every)):
            yield problem.below("source_column")
        if self.source_column in every:
            yield Problem.at(("source_column",), f"there is a column {self.source_column!r} already",
                             "Choose another name")

    def columns_of(self, context: StepContext) -> Known:
        """All columns in their order, each with the type that holds every table's values; without `source_column`."""
        found: dict[str, str] = {}
        for _, columns in self._parts(context):
            if columns is None:
                return None
            for column, kind in columns.items():
                before = found.get(column, kind)
                found[column] = (widened(before, kind) or "") if before and kind else ""
        return found

    def after(self, context: StepContext) -> Known:
        found = self.columns_of(context)
        return {**found, **({self.source_column: "string"} if self.source_column else {})} if found else found

    def _parts(self, context: StepContext) -> list[tuple[str, Known]]:
        return [(context.first_table, context.columns), *((name, context.tables(name)) for name in self.tables)]


def _lacking(where: tuple[str | int, ...], one: tuple[str, Known], other: tuple[str, Known]) -> Iterator[Problem]:
    for (name, columns), (_, wanted) in ((one, other), (other, one)):
        for column in wanted or ():
            if column not in (columns or {}):
                near = nearest(column, columns or ())
                yield Problem.at(where, f"{name} has no column {column!r}",
                                 near if near.startswith("Did") else "Name the columns alike, or set missing: nulls")


def _at_odds(column: str, kinds: Mapping[str, str], tables: list[str]) -> Iterator[Problem]:
    """Told of the first table whose type of `column` goes with none before it."""
    kind, said = "", ""
    for name, own in kinds.items():
        both = widened(kind, own) if kind else own
        if both is None:
            yield Problem.at(("tables", tables.index(name)), f"column {column!r} is {own} in {name}, but {said}",
                             f"Cast it in the clean rules of one, e.g. cast: {{column: {column}, to: {kind}}}")
            return
        kind, said = both, said or f"{own} in {name}"
