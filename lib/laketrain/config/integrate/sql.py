"""The step that selects, filters and computes columns.

    - sql: SELECT digit_id, label FROM digits WHERE label < 10
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from laketrain.config.clean.base import Types
from laketrain.config.integrate.base import BaseStep, StepContext
from laketrain.config.sql.queries import duplicate_column, query_problem, selected_columns
from laketrain.errors import Problem


class Sql(BaseStep):
    """One SELECT over a view of the rows so far, which has the integrated table's name. It may select and filter, but
    not add rows. The short form is `sql: SELECT …`."""

    step: Literal["sql"]
    query: str
    """The SELECT."""

    def problems(self, context: StepContext) -> Iterator[Problem]:
        names = None if context.columns is None else set(context.columns)
        if problem := query_problem(self.query, context.view, names):
            yield problem
        elif name := duplicate_column(self.query, names):
            yield Problem.at((), f"would make two columns {name!r}", "Give one another name with AS, or leave it out")

    def after(self, context: StepContext) -> Types | None:
        return selected_columns(self.query, context.columns)
