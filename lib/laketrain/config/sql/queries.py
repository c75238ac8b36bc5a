"""SQL of a config, checked before Spark starts: its syntax, its columns, and the columns of its result.

    query_problem("SELECT lable FROM digits", "digits", {"label"})   # Problem: there is no column 'lable', …
    selected_columns("SELECT label FROM digits", {"label": "int"})   # {'label': 'int'}
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from laketrain.errors import Problem, nearest

_NONDETERMINISTIC = {
    "rand", "randn", "uuid", "shuffle", "now", "current_timestamp", "current_date", "curdate", "localtimestamp",
    "monotonically_increasing_id", "spark_partition_id",
}
"""Functions of Spark SQL whose value doesn't depend on the row alone."""


def selected_columns(sql: str, inputs: dict[str, str] | None) -> dict[str, str] | None:
    """The columns of the result of a SELECT over one view with the columns `inputs`, each with its type: that of the
    input if it is selected unchanged, else ''. None if only Spark knows them."""
    query, _ = _parsed(sql)
    if not isinstance(query, exp.Query):
        return None
    types = _unchanged(query, inputs or {})
    if not query.is_star:
        return {name: types.get(name, "") for name in query.named_selects}
    if query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral):
        return None  # the star may be of a part of the query
    plain = all(isinstance(select, exp.Column | exp.Alias | exp.Star) for select in query.selects)
    stars = [select for select in query.selects if select.is_star]
    if inputs is None or not plain or any(star.args.get("except") or star.args.get("except_") for star in stars):
        return None
    return {**inputs, **{name: types.get(name, "") for name in query.named_selects if name != "*"}}


def duplicate_column(sql: str, inputs: Iterable[str] | None) -> str | None:
    """The first column that a SELECT over a view with the columns `inputs` selects twice, ignoring case; None if
    there is none, or if only Spark knows."""
    query, _ = _parsed(sql)
    if not isinstance(query, exp.Select):
        return None
    seen: set[str] = set()
    for name in (*_star_columns(query, inputs), *(name for name in query.named_selects if name and name != "*")):
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    return None


def _star_columns(query: exp.Select, inputs: Iterable[str] | None) -> list[str]:
    """The columns of a plain star; none if only Spark knows."""
    stars = [select for select in query.selects if isinstance(select, exp.Star)]
    if inputs is None or query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral) or any(
            star.args.get("except") or star.args.get("except_") for star in stars):
        return []
    return [name for _ in stars for name in inputs]


def _unchanged(query: exp.Query, inputs: dict[str, str]) -> dict[str, str]:
    """The types of columns that a plain SELECT selects unchanged; in a subquery the names may be of other columns."""
    if not isinstance(query, exp.Select) or query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral):
        return {}
    plain = [select.name for select in query.selects if isinstance(select, exp.Column) and len(select.parts) == 1]
    return {name: inputs[name] for name in plain if name in inputs}


def query_problem(sql: str, view: str, inputs: set[str] | None) -> Problem | None:
    """The problem if `sql` isn't a single SELECT over `view`, whose columns are `inputs`; else None.

    Columns of queries with several parts are left to Spark, as such queries may name columns that they make.
    """
    hint = f"Write a SELECT over the view {view!r}"
    query, problem = _parsed(sql)
    if problem:
        return Problem.at((), problem, hint)
    if not isinstance(query, exp.Query):
        return Problem.at((), f"received {type(query).__name__.upper()}, expected a SELECT", hint)
    readable = {view.lower(), *(cte.alias.lower() for cte in query.find_all(exp.CTE))}
    for table in query.find_all(exp.Table):
        if table.name and table.name.lower() not in readable:
            return Problem.at((), f"reads {table.sql('spark')!r}, expected the view {view!r} alone",
                              f"Join other tables in a step 'join', where rows are counted; write FROM {view}")
    if inputs is None or not isinstance(query, exp.Select) or query.find(exp.CTE, exp.Subquery, exp.Join, exp.Lateral):
        return None
    aliases = {select.alias.lower() for select in query.selects if isinstance(select, exp.Alias)}
    return _unknown_column(query, inputs, aliases)


def condition_problem(sql: str, inputs: Iterable[str]) -> Problem | None:
    """The problem if `sql` isn't a condition over rows with the columns `inputs`; else None."""
    condition, problem = _parsed(sql)
    if problem:
        return Problem.at((), problem, "Write a condition that holds for good rows, e.g. label >= 0")
    if not isinstance(condition, exp.Condition):
        return Problem.at((), f"received {type(condition).__name__.upper()}, expected a condition", "E.g. label >= 0")
    return _unknown_column(condition, inputs, set())


def expression_problem(sql: str, inputs: Iterable[str]) -> Problem | None:
    """The problem if `sql` isn't an expression that returns the same value for the same row in every run; else None."""
    expression, problem = _parsed(sql)
    if problem:
        return Problem.at((), problem, "Write an expression over the columns, e.g. (fahrenheit - 32) / 1.8")
    if not isinstance(expression, exp.Condition):
        return Problem.at((), f"received {type(expression).__name__.upper()}, expected an expression",
                          "E.g. (fahrenheit - 32) / 1.8")
    for called in expression.find_all(exp.Func):
        name = called.name if isinstance(called, exp.Anonymous) else called.sql_name()
        if name.lower() in _NONDETERMINISTIC:
            return Problem.at((), f"{name.lower()}() gives another value at every run",
                              "Derive a column from the row alone")
    return _unknown_column(expression, inputs, set())


def _parsed(sql: str) -> tuple[exp.Expression | None, str]:
    try:
        return sqlglot.parse_one(sql, dialect="spark"), ""
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        near = (first.get("highlight") or "").strip()
        what = re.sub(r" for <class .*?>", "", first.get("description") or str(error).splitlines()[0])
        return None, f"can't be parsed as Spark SQL{f' near {near!r}' if near else ''}: {what}"


def _unknown_column(part: exp.Expression, inputs: Iterable[str], aliases: set[str]) -> Problem | None:
    """The problem of the first column in `part` that is neither in `inputs` nor in `aliases`, ignoring case."""
    names = {name.lower() for name in inputs} | aliases
    for column in part.find_all(exp.Column):
        # In `a.b` either part may be the column; the other is a table's alias or a field.
        if column.name and not names & {part.name.lower() for part in column.parts}:
            return Problem.at((), f"there is no column {column.name!r}", nearest(column.name, inputs))
    return None
