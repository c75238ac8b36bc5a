"""The base class of rules. A rule returns the columns that it uses and the columns that it produces.

    rule.uses()                     # ['label']
    rule.after({"label": "string"}) # {'label': 'int'}: the columns of later rules and stages

So a wrong column, or a wrong type, is reported before Spark starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.sources import RESERVED
from laketrain.errors import Problem

Types = dict[str, str]
"""Columns in their order, each with its Spark SQL type, or '' if the type is unknown."""

Columns = Annotated[list[str], Field(min_length=1)]


class BaseRule(Section):
    """One rule. The fields `column`, `columns` and `by` name columns of its input."""

    rule: str
    """The rule's name."""

    def uses(self) -> list[str]:
        """The columns that the rule reads or changes by name; those in SQL are checked separately."""
        names: list[str] = []
        for key in ("column", "columns", "by"):
            value = getattr(self, key, None)
            names += value if isinstance(value, list) else [value] if value else []
        return names

    def after(self, columns: Types) -> Types:
        """The table's columns after the rule; `columns` are those before it."""
        return columns

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        """Reasons why the rule can't work with these columns, or on this machine."""
        return iter(())


def after_all(rules: Iterable[BaseRule], columns: Types) -> Types:
    """The table's columns after all `rules`."""
    for rule in rules:
        columns = rule.after(columns)
    return columns


def replaced(columns: Types, names: Iterable[str], kind: str) -> Types:
    """`columns` in which each of `names` is of the type `kind`; new ones come last."""
    return {**columns, **dict.fromkeys(names, kind)}


def is_number(kind: str) -> bool:
    """Whether a type of Spark SQL is numeric."""
    whole, other = "(tiny|small|big)?int|integer|byte|short|long", r"float|real|double|(decimal|dec|numeric)(\(.*\))?"
    return re.fullmatch(f"{whole}|{other}", kind.strip().lower()) is not None


def require_numbers(rule: str, names: Iterable[str], columns: Mapping[str, str]) -> Iterator[Problem]:
    """A problem for the first of `names` that isn't numeric."""
    for name in names:
        if name in columns and not is_number(columns[name]):
            yield Problem.at((), f"{rule} needs numbers, column {name!r} is {columns[name]} here",
                             f"Cast it in a rule before, e.g. {to_number(name, columns[name])}")
            return


def is_interval(kind: str) -> bool:
    """Whether a type of Spark SQL is an interval."""
    return kind.strip().lower().startswith("interval")


def to_number(column: str, kind: str) -> str:
    """A rule that turns a column into a number: an interval into seconds, to the microsecond, or into months."""
    span = "int" if "month" in kind or "year" in kind else '"decimal(20,6)"'
    return f"cast: {{column: {column}, to: {span if is_interval(kind) else 'double'}}}"


def new_name(name: str) -> str:
    """Returns `name` if a rule may use it for a new column. Raises ValueError for names that stages use themselves."""
    if not name or name.lower() in RESERVED:
        raise ValueError(f"received the column {name!r}, a name that laketrain uses itself")
    return name


def case_clash(name: str, columns: Iterable[str]) -> Problem | None:
    """The problem of a new column whose name differs from one of `columns` only in capitals; else None."""
    for other in columns:
        if other != name and other.lower() == name.lower():
            return Problem.at((), f"would make {name!r} next to {other!r}, which Spark can't distinguish",
                              f"Write {other!r}")
    return None
