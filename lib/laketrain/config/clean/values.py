"""Rules about single values: present, replaced, of a length, in a range, in a set, of a pattern.

    - not_null: {columns: [id, label]}
    - regex: {column: plate, pattern: "[A-Z]{1,3}-[0-9]{1,4}"}
    - range: {column: at, min: 2020-01-01, max: 2026-12-31}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from laketrain.config.clean.base import BaseRule, Columns, is_interval, to_number
from laketrain.config.language.timestamps import SPARK_TIMESTAMP
from laketrain.errors import Problem


class NotNull(BaseRule):
    """Requires a value in each of `columns`; an empty text and a NaN don't count as values."""

    rule: Literal["not_null"]
    columns: Columns
    """The columns that must have a value."""


class Replace(BaseRule):
    """Replaces values, e.g. known misspellings: `{scan_a: scanner-a}`. Rejects nothing."""

    rule: Literal["replace"]
    column: str
    """The column; its type doesn't change."""
    values: dict[str, str] = Field(min_length=1)
    """Each value to replace, with its replacement."""


class Length(BaseRule):
    """Requires a length: of elements of an array, characters of a text or bytes of a binary."""

    rule: Literal["length"]
    column: str
    """The column that is checked."""
    equals: int | None = Field(default=None, ge=0)
    """The exact length."""
    min: int | None = Field(default=None, ge=0)
    """The minimum length."""
    max: int | None = Field(default=None, ge=0)
    """The maximum length."""

    @model_validator(mode="after")
    def _some_bound(self) -> Length:
        if self.equals is None and self.min is None and self.max is None:
            raise ValueError("length has no bound, expected one of equals, min, max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no length fits: min {self.min} is above max {self.max}")
        return self


def _iso(text: str) -> str:
    """`text` in a form that Spark can read: `20261120` becomes 2026-11-20. Weeks are refused: only a day can be an
    upper bound that includes all of it."""
    try:
        if "W" in text:
            raise ValueError
        if SPARK_TIMESTAMP.fullmatch(text):
            datetime.fromisoformat(text)
            return text
        with suppress(ValueError):
            return date.fromisoformat(text).isoformat()
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"received {text!r}, expected a number or a date such as 2026-11-20") from None


Bound = float | Annotated[str, AfterValidator(_iso)]


class Range(BaseRule):
    """Requires the number, every number of the array, or the date or time to be in [min, max]; a NaN isn't."""

    rule: Literal["range"]
    column: str
    """The column that is checked."""
    min: Bound | None = None
    """The minimum: a number, or a date or time (UTC) such as 2020-01-01."""
    max: Bound | None = None
    """The maximum. A date includes all of that day."""

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("range has no bound, expected min, max or both")
        if self.min is None or self.max is None:
            return self
        if isinstance(self.min, str) != isinstance(self.max, str):
            raise ValueError(f"range has bounds of two kinds, received {self.min} and {self.max}",
                             "Write two numbers or two dates")
        if (isinstance(self.min, str) and isinstance(self.max, str) and self.min[:10] > self.max[:10]) or (
                isinstance(self.min, float) and isinstance(self.max, float) and self.min > self.max):
            raise ValueError(f"range is empty: min {format_bound(self.min)} is above max {format_bound(self.max)}")
        return self

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        kind = columns.get(self.column, "")
        if is_interval(kind):
            yield Problem.at((), f"range compares numbers, dates and times, column {self.column!r} is {kind} here",
                             f"Cast it in a rule before: {to_number(self.column, kind)}")


def format_bound(bound: Bound) -> str:
    """A bound as text."""
    return bound if isinstance(bound, str) else f"{bound:g}"


class Allowed(BaseRule):
    """Requires the value to be one of these."""

    rule: Literal["allowed"]
    column: str
    """The column that is checked."""
    values: list[str | int] = Field(min_length=1)
    """All allowed values; null is allowed too."""


_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\c.|\\.|\[\^?\]?|\(\?|.", re.DOTALL)
"""A token of a Java regular expression; `]` at the start of a class is a member of the class."""


def _syntax_error(pattern: str) -> str | None:
    """Why `pattern` is a regular expression in no dialect; None if only Java knows."""
    depth = classes = 0
    at_start = True
    for token in _TOKEN.findall(pattern):
        if token == "\\":
            return "it ends in a single backslash"
        if classes or token[0] == "[":
            classes += (token[0] == "[") - (token == "]")
        elif token in ("*", "+", "?") and at_start:
            return f"there is nothing before {token!r} that could be repeated"
        depth += 0 if classes else (token in ("(", "(?")) - (token == ")")
        if depth < 0:
            return "a ) closes nothing"
        at_start = not classes and token in ("(", "|")
    return "a [ is not closed" if classes else "a ( is not closed" if depth else None


def _expression(pattern: str) -> str:
    """Checks a regular expression as far as that is possible without Java."""
    commented = re.search(r"\(\?[A-Za-z]*x", pattern)
    error = None if commented else _syntax_error(pattern)
    if error:
        raise ValueError(f"received {pattern!r}, which isn't a regular expression: {error}",
                         "A literal character of these needs a backslash before it: \\( \\. \\*")
    return pattern


class Regex(BaseRule):
    """Requires the whole text to match a pattern; null is allowed."""

    rule: Literal["regex"]
    column: str
    """The column that is matched, as text."""
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_expression)]
    """A Java regular expression. It must match the whole text."""


class Check(BaseRule):
    """Requires a Spark SQL condition to be true; false and null reject the row."""

    rule: Literal["check"]
    sql: str = Field(min_length=1)
    """The condition, over the columns of a row."""
