"""The step that adds the rows of other tables, matching columns by name.

    - union: {tables: [visits_2024, visits_2025], missing: nulls, source_column: year}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from laketrain.config.base import Name
from laketrain.config.clean.base import Types, case_clash
from laketrain.config.integrate.base import BaseStep, StepContext
from laketrain.config.sql.widening import widened
from laketrain.errors import Problem, nearest


class Union(BaseStep):
    """Adds all rows of other tables. Columns are matched by name. Two types become the type that represents both
    exactly, e.g. int and bigint become bigint; if there is none, the step is refused. Duplicate rows stay."""

    step: Literal["union"]
    tables: list[Name] = Field(min_length=1)
    """The tables whose rows are added, in this order."""
    missing: Literal["fail", "nulls"] = "fail"
    """What happens if a table lacks a column: `fail`, since it may have been renamed, or `nulls` in its rows."""
    source_column: str | None = Field(default=None, min_length=1)
    """A new column with the name of the table that a row came from."""

    @property
    def label(self) -> str:
        return f"union({', '.join(self.tables)})"

    def reads(self) -> list[str]:
        return list(self.tables)

    def problems(self, context: StepContext) -> Iterator[Problem]:
        parts = self._parts(context)
        every = self.columns_of(context) or {}
        first, *others = parts
        for index, (name, columns) in enumerate(others):
            path = ("tables", index)
            if columns is None or parts[0][1] is None:
                continue
            yield from (problem.below(*path) for column in columns if (problem := case_clash(column, every)))
            if self.missing == "fail":
                yield from _missing_columns(path, first, (name, columns))
        for column in every:
            kinds = {name: columns[column] for name, columns in parts if columns and columns.get(column)}
            yield from _type_conflict(column, kinds, self.tables)
        if self.source_column and (problem := case_clash(self.source_column, every)):
            yield problem.below("source_column")
        if self.source_column in every:
            yield Problem.at(("source_column",), f"there is a column {self.source_column!r} already",
                             "Choose another name")

    def columns_of(self, context: StepContext) -> Types | None:
        """All columns in order, each with the type that represents every table's values; without `source_column`."""
        types: dict[str, str] = {}
        for _, columns in self._parts(context):
            if columns is None:
                return None
            for column, kind in columns.items():
                before = types.get(column, kind)
                types[column] = (widened(before, kind) or "") if before and kind else ""
        return types

    def after(self, context: StepContext) -> Types | None:
        columns = self.columns_of(context)
        return {**columns, **({self.source_column: "string"} if self.source_column else {})} if columns else columns

    def _parts(self, context: StepContext) -> list[tuple[str, Types | None]]:
        return [(context.first_table, context.columns), *((name, context.tables(name)) for name in self.tables)]


def _missing_columns(path: tuple[str | int, ...], left: tuple[str, Types | None],
                     right: tuple[str, Types | None]) -> Iterator[Problem]:
    for (name, columns), (_, expected) in ((left, right), (right, left)):
        for column in expected or ():
            if column not in (columns or {}):
                near = nearest(column, columns or ())
                hint = near if near.startswith("Did") else "Give the columns the same name, or set missing: nulls"
                yield Problem.at(path, f"{name} has no column {column!r}", hint)


def _type_conflict(column: str, kinds: Mapping[str, str], tables: list[str]) -> Iterator[Problem]:
    """A problem for the first table whose type of `column` has no common type with those before it."""
    common, first = "", ""
    for name, kind in kinds.items():
        both = widened(common, kind) if common else kind
        if both is None:
            yield Problem.at(("tables", tables.index(name)), f"column {column!r} is {kind} in {name}, but {first}",
                             f"Cast it in the clean rules of one, e.g. cast: {{column: {column}, to: {common}}}")
            return
        common, first = both, first or f"{kind} in {name}"
