"""The step that selects, filters and computes.

    - sql: SELECT digit_id, label FROM digits WHERE label < 10
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from laketrain.config.integrate.base import BaseStep, Known, Standing
from laketrain.config.sql import doubled, selected, sql_error
from laketrain.errors import Problem


class Sql(BaseStep):
    """One SELECT over the view of this table's name: the rows so far. It may select and filter, but make no rows.
    Written short, `sql: SELECT …`."""

    step: Literal["sql"]
    query: str
    """The SELECT."""

    def problems(self, here: Standing) -> Iterator[Problem]:
        names = None if here.columns is None else set(here.columns)
        if problem := sql_error(self.query, here.view, names):
            yield Problem.at((), *problem)
        elif name := doubled(self.query, names):
            yield Problem.at((), f"would make two columns {name!r}", "Give one another name by AS, or leave it out")

    def after(self, here: Standing) -> Known:
        return selected(self.query, here.columns)
