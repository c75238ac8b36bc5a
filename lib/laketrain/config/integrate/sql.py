"""The step that selects, filters and computes.

    - sql: SELECT digit_id, label FROM digits WHERE label < 10
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from laketrain.config.integrate.base import BaseStep, Known, StepContext
from laketrain.config.sql.queries import duplicate_column, query_problem, selected_columns
from laketrain.errors import Problem


class Sql(BaseStep):
    """One SELECT over the view of this table's name: the rows so far. It may select and filter, but make no rows.
    Written short, `sql: SELECT …`."""

    step: Literal["sql"]
    query: str
    """The SELECT."""

    def problems(self, context: StepContext) -> Iterator[Problem]:
        names = None if context.columns is None else set(context.columns)
        if problem := query_problem(self.query, context.view, names):
            yield problem
        elif name := duplicate_column(self.query, names):
            yield Problem.at((), f"would make two columns {name!r}", "Give one another name by AS, or leave it out")

    def after(self, context: StepContext) -> Known:
        return selected_columns(self.query, context.columns)
