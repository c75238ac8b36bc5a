"""Which columns each table of a workload has, as far as the config alone can tell.

    columns = Columns(workload); columns.clean("pixels")      # {'digit_id', 'pixels'}; None: can't be told
"""

from __future__ import annotations

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import ParseError

from laketrain.config.workload import Workload

Names = set[str] | None
"""A table's columns; None where only Spark will know, e.g. after `SELECT *` from an unknown table."""


class Columns:
    """Columns by table. A table that the workload lacks has unknown columns: its absence is reported elsewhere."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def source(self, name: str) -> Names:
        source = self._workload.sources.get(name)
        return set(source.columns) if source else None

    def clean(self, name: str) -> Names:
        table = self._workload.clean.get(name)
        return self.source(table.source or name) if table else None

    def joined(self, name: str) -> Names:
        """The columns of integrated table `name` before its SQL step."""
        table = self._workload.integrate[name]
        parts = [self.clean(table.table), *(self.clean(join.table) for join in table.joins)]
        return None if any(part is None for part in parts) else set().union(*(part or set() for part in parts))

    def integrated(self, name: str) -> Names:
        sql = self._workload.integrate[name].sql
        return selected(sql, self.joined(name)) if sql else self.joined(name)

    def table(self, name: str) -> Names:
        """Of the integrated table `name` or, where there is none, the clean one."""
        return self.integrated(name) if name in self._workload.integrate else self.clean(name)


def selected(sql: str, inputs: Names) -> Names:
    """The output columns of a SELECT over one view with the columns `inputs`; None where they can't be told."""
    try:
        query = sqlglot.parse_one(sql, dialect="spark")
    except ParseError:
        return None
    if not isinstance(query, exp.Query):
        return None
    if not query.is_star:
        return set(query.named_selects)
    plain = all(isinstance(select, exp.Column | exp.Alias | exp.Star) for select in query.selects)
    stars = [select for select in query.selects if select.is_star]
    if inputs is None or not plain or any(star.args.get("except") or star.args.get("except_") for star in stars):
        return None
    return inputs | {name for name in query.named_selects if name != "*"}


def sql_error(sql: str) -> str | None:
    """Why `sql` is no single SELECT; None where it is one."""
    try:
        query = sqlglot.parse_one(sql, dialect="spark")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = (first.get("highlight") or "").strip()
        return f"can't be parsed as Spark SQL{f' near {near!r}' if near else ''}: {first.get('description', error)}"
    if not isinstance(query, exp.Query):
        return f"is a {type(query).__name__.upper()}, expected a SELECT"
    return None
