"""Rules about the values of one row: there at all, spelt as meant, as long, as large, of the form that is expected.

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
    """Each of `columns` has a value; an empty text and a NaN count as none."""

    rule: Literal["not_null"]
    columns: Columns
    """The columns that need one."""


class Replace(BaseRule):
    """Known spellings become the one that is meant: `{scan_a: scanner-a}`. Rejects nothing."""

    rule: Literal["replace"]
    column: str
    """The column, whose type stays."""
    values: dict[str, str] = Field(min_length=1)
    """What is found, mapped to what is meant."""


class Length(BaseRule):
    """The array, text or binary has this many elements, characters or bytes."""

    rule: Literal["length"]
    column: str
    """The column that is measured."""
    equals: int | None = Field(default=None, ge=0)
    """Just this length."""
    min: int | None = Field(default=None, ge=0)
    """The least length."""
    max: int | None = Field(default=None, ge=0)
    """The greatest length."""

    @model_validator(mode="after")
    def _some_bound(self) -> Length:
        if self.equals is None and self.min is None and self.max is None:
            raise ValueError("length has no bound, expected one of equals, min, max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no length fits: min {self.min} is above max {self.max}")
        return self


def _iso(text: str) -> str:
    """As Spark reads it too, for which other ways to write a time are null: `20261120` becomes 2026-11-20. A week is
    refused, as it has no last day that would be all of it."""
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
    """The number, every number of the array, or the date or time lies in [min, max]; a NaN lies outside."""

    rule: Literal["range"]
    column: str
    """The column that is compared."""
    min: Bound | None = None
    """The least that is good: a number, or a date or time (UTC) such as 2020-01-01."""
    max: Bound | None = None
    """The greatest that is good. A date means all of that day."""

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
    """The value is one of these."""

    rule: Literal["allowed"]
    column: str
    """The column that is looked at."""
    values: list[str | int] = Field(min_length=1)
    """All that it may hold besides null."""


_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\c.|\\.|\[\^?\]?|\(\?|.", re.DOTALL)
"""A part of a regular expression of Java that stands for itself; `]` at the beginning of a class is a sign in it."""


def _flaw(pattern: str) -> str | None:
    """Why `pattern` is an expression in no dialect; None where Java's own is to judge."""
    depth = classes = 0
    begins = True
    for token in _TOKEN.findall(pattern):
        if token == "\\":
            return "it ends in a single backslash"
        if classes or token[0] == "[":
            classes += (token[0] == "[") - (token == "]")
        elif token in ("*", "+", "?") and begins:
            return f"there is nothing before {token!r} that could be repeated"
        depth += 0 if classes else (token in ("(", "(?")) - (token == ")")
        if depth < 0:
            return "a ) closes nothing"
        begins = not classes and token in ("(", "|")
    return "a [ is not closed" if classes else "a ( is not closed" if depth else None


def _expression(pattern: str) -> str:
    """A regular expression, as far as that can be judged without Java."""
    commented = re.search(r"\(\?[A-Za-z]*x", pattern)
    flaw = None if commented else _flaw(pattern)
    if flaw:
        raise ValueError(f"received {pattern!r}, which is no regular expression: {flaw}",
                         "A sign that is meant as it stands needs a backslash before it: \\( \\. \\*")
    return pattern


class Regex(BaseRule):
    """The whole text matches the pattern; null stays."""

    rule: Literal["regex"]
    column: str
    """The column that is matched, as text."""
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_expression)]
    """A regular expression of Java. It must match from the first character to the last."""


class Check(BaseRule):
    """A Spark SQL condition that holds for every good row; null counts as broken."""

    rule: Literal["check"]
    sql: str = Field(min_length=1)
    """The condition, over the columns of one row."""
