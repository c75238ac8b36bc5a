"""Checks of the clean tables: each source exists, and each rule suits the columns that those before it leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.clean import Check as CheckRule
from laketrain.config.clean import CleanTable, Derive, Types
from laketrain.config.sql.queries import condition_problem, expression_problem
from laketrain.errors import Problem
from laketrain.workload.checks.texts import unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.workload import Workload


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Checks every clean table. Columns that aren't declared are checked when the data is read."""
    for name, table in workload.clean.items():
        source = table.source or name
        if source not in workload.sources:
            path = ("clean", name, "source") if table.source else ("clean", name)
            yield unknown(path, "source", source, workload.sources)
        elif (columns_in := workload.sources[source].columns) is not None:
            yield from _of_rules(name, table, dict(columns_in))
        else:
            yield from (problem.below("clean", name, "rules", index, rule.rule)
                        for index, rule in enumerate(table.rules) for problem in rule.problems({}))


def _of_rules(name: str, table: CleanTable, columns: Types) -> Iterator[Problem]:
    for index, rule in enumerate(table.rules):
        path = ("clean", name, "rules", index, rule.rule)
        if isinstance(rule, CheckRule | Derive):
            check_sql = condition_problem if isinstance(rule, CheckRule) else expression_problem
            if problem := check_sql(rule.sql, columns):
                yield problem.below(*path, "sql")
        absent = [column for column in rule.uses() if column not in columns]
        for column in absent:
            yield unknown(path, "column", column, columns)
        if not absent:
            yield from (problem.below(*path) for problem in rule.problems(columns))
        columns = rule.after(columns)
