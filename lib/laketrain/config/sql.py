"""SQL of a config, judged before Spark starts: what it reads, what it makes, what it can't know.

    sql_error("SELECT lable FROM digits", "digits", {"label"})     # ("there is no column 'lable'", "Did you mean …")
    selected("SELECT label FROM digits", {"label": "int"})         # {'label': 'int'}
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from laketrain.errors import nearest

_OTHERWISE_EACH_TIME = {
    "rand", "randn", "uuid", "shuffle", "now", "current_timestamp", "current_date", "curdate", "localtimestamp",
    "monotonically_increasing_id", "spark_partition_id",
}
"""Functions of Spark SQL whose value isn't a matter of the row."""

def selected(sql: str, inputs: dict[str, str] | None) -> dict[str, str] | None:
    """The columns that a SELECT makes of one view, which has the columns `inputs`, each with its type: that of the
    input where it is taken as it is, else ''. None where they can't be told."""
    query, _ = _parsed(sql)
    if not isinstance(query, exp.Query):
        return None
    types = _untouched(query, inputs or {})
    if not query.is_star:
        return {name: types.get(name, "") for name in query.named_selects}
    if query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral):
        return None  # the star is of something that the query makes itself
    plain = all(isinstance(select, exp.Column | exp.Alias | exp.Star) for select in query.selects)
    stars = [select for select in query.selects if select.is_star]
    if inputs is None or not plain or any(star.args.get("except") or star.args.get("except_") for star in stars):
        return None
    return {**inputs, **{name: types.get(name, "") for name in query.named_selects if name != "*"}}


def doubled(sql: str, inputs: Iterable[str] | None) -> str | None:
    """The first column that a SELECT of a view, which has the columns `inputs`, makes twice; None where it makes none
    so, or where that can't be told. Spark minds no capitals."""
    query, _ = _parsed(sql)
    if not isinstance(query, exp.Select):
        return None
    seen: set[str] = set()
    for name in (*_starred(query, inputs), *(name for name in query.named_selects if name and name != "*")):
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    return None


def _starred(query: exp.Select, inputs: Iterable[str] | None) -> list[str]:
    """What a plain star stands for; nothing where only Spark knows."""
    stars = [select for select in query.selects if isinstance(select, exp.Star)]
    if inputs is None or query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral) or any(
            star.args.get("except") or star.args.get("except_") for star in stars):
        return []
    return [name for _ in stars for name in inputs]


def _untouched(query: exp.Query, inputs: dict[str, str]) -> dict[str, str]:
    """The types of columns that a plain SELECT names and nothing more; a subquery may mean others by those names."""
    if not isinstance(query, exp.Select) or query.find(exp.Subquery, exp.CTE, exp.Join, exp.Lateral):
        return {}
    plain = [select.name for select in query.selects if isinstance(select, exp.Column) and len(select.parts) == 1]
    return {name: inputs[name] for name in plain if name in inputs}


def sql_error(sql: str, view: str, inputs: set[str] | None) -> tuple[str, str] | None:
    """Why `sql` is no single SELECT over `view`, whose columns are `inputs`, and the hint; None where it is one.

    What only Spark can tell is left to it: a query of several parts may name columns that it makes itself.
    """
    hint = f"Write a SELECT over the view {view!r}"
    query, problem = _parsed(sql)
    if problem:
        return problem, hint
    if not isinstance(query, exp.Query):
        return f"received {type(query).__name__.upper()}, expected a SELECT", hint
    own = {view.lower(), *(cte.alias.lower() for cte in query.find_all(exp.CTE))}
    for table in query.find_all(exp.Table):
        if table.name and table.name.lower() not in own:
            return f"reads {table.sql('spark')!r}, expected the view {view!r} alone", (
                f"Join other tables in a step 'join', where rows are counted; write FROM {view}")
    if inputs is None or not isinstance(query, exp.Select) or query.find(exp.CTE, exp.Subquery, exp.Join, exp.Lateral):
        return None
    return _unknown_column(query, inputs, {made.alias.lower() for made in query.selects if isinstance(made, exp.Alias)})


def condition_error(sql: str, inputs: Iterable[str]) -> tuple[str, str] | None:
    """Why `sql` is no condition over rows with the columns `inputs`, and the hint; None where it is one."""
    condition, problem = _parsed(sql)
    if problem:
        return problem, "Write a condition that holds for good rows, e.g. label >= 0"
    if not isinstance(condition, exp.Condition):
        return f"received {type(condition).__name__.upper()}, expected a condition", "E.g. label >= 0"
    return _unknown_column(condition, inputs, set())


def expression_error(sql: str, inputs: Iterable[str]) -> tuple[str, str] | None:
    """Why `sql` is no expression that gives the same value of the same row at every run, and the hint."""
    expression, problem = _parsed(sql)
    if problem:
        return problem, "Write an expression over the columns, e.g. (fahrenheit - 32) / 1.8"
    if not isinstance(expression, exp.Condition):
        return f"received {type(expression).__name__.upper()}, expected an expression", "E.g. (fahrenheit - 32) / 1.8"
    for called in expression.find_all(exp.Func):
        name = called.name if isinstance(called, exp.Anonymous) else called.sql_name()
        if name.lower() in _OTHERWISE_EACH_TIME:
            return f"{name.lower()}() gives another value at every run", "Derive a column from the row alone"
    return _unknown_column(expression, inputs, set())


def _parsed(sql: str) -> tuple[exp.Expression | None, str]:
    try:
        return sqlglot.parse_one(sql, dialect="spark"), ""
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        near = (first.get("highlight") or "").strip()
        what = re.sub(r" for <class .*?>", "", first.get("description") or str(error).splitlines()[0])
        return None, f"can't be parsed as Spark SQL{f' near {near!r}' if near else ''}: {what}"


def _unknown_column(part: exp.Expression, inputs: Iterable[str], made: set[str]) -> tuple[str, str] | None:
    """The first column in `part` that is none of `inputs`, nor `made` by the query itself. Spark minds no capitals."""
    there = {name.lower() for name in inputs} | made
    for column in part.find_all(exp.Column):
        # In `a.b` either may be the column, the other a table's alias or a field.
        if column.name and not there & {name.name.lower() for name in column.parts}:
            return f"there is no column {column.name!r}", nearest(column.name, inputs)
    return None
