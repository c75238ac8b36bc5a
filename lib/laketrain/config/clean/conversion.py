"""Rules that convert types: cast text, parse it to an array, compute a column.

    - cast: {column: at, to: timestamp, format: "dd.MM.yyyy HH:mm", zone: Europe/Berlin}
    - cast: {column: price, to: "decimal(10,2)", decimal: ",", thousands: "."}
    - derive: {column: celsius, sql: (fahrenheit - 32) / 1.8, type: double}
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from laketrain.config.clean.base import (
    BaseRule,
    Types,
    case_clash,
    is_interval,
    is_number,
    new_name,
    replaced,
    to_number,
)
from laketrain.config.sql.types import SparkType
from laketrain.errors import Problem, nearest

_TIMES = ("date", "timestamp", "timestamp_ntz", "timestamp_ltz")
_ZONE_LETTERS = "VzOXx"
_LETTERS = "GyMLdDahKkHmsS" + _ZONE_LETTERS
_SUGGESTIONS = {"Y": "yyyy for the year", "u": "yyyy for the year", "n": "mm for minutes", "e": "dd for the day"}


def _pattern(text: str) -> str:
    """Checks that Spark can read times by this pattern."""
    bare = re.sub(r"'[^']*'", "", text)
    if "%" in bare:
        raise ValueError(f"received {text!r}, expected Spark's pattern letters", "E.g. yyyy-MM-dd HH:mm:ss")
    wrong = next((sign for sign in bare if sign.isalpha() and sign not in _LETTERS), None)
    if wrong:
        raise ValueError(f"received {text!r}, in which {wrong!r} isn't a pattern letter that Spark reads times by",
                         f"Write {_SUGGESTIONS.get(wrong, 'text in quotes: dd.MM.yyyy ''at'' HH:mm')}; "
                         f"letters: {', '.join(_LETTERS)}")
    return text


def _zone(name: str) -> str:
    """A time zone by its name in the IANA database, or a fixed offset such as +01:00."""
    if re.fullmatch(r"[+-]\d\d:\d\d", name) or name in zoneinfo.available_timezones():
        return name
    raise ValueError(f"received {name!r}, expected a time zone",
                     nearest(name, zoneinfo.available_timezones()).split("Accepted")[0] or "E.g. Europe/Berlin, +01:00")


def _sign(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in "+-":
        raise ValueError(f"received {text!r}, expected one character that isn't a letter, digit or sign, such as ','")
    return text


Separator = Annotated[str, AfterValidator(_sign)]


class Cast(BaseRule):
    """Casts the column to a Spark SQL type. A value that can't be cast, or would lose a part, rejects the row; null
    stays null. A timestamp cast to `date` becomes its day in UTC."""

    rule: Literal["cast"]
    column: str
    """The column that is cast."""
    to: SparkType
    """The type, e.g. int, double, "decimal(10,2)", date, timestamp."""
    format: Annotated[str, AfterValidator(_pattern)] | None = None
    """For dates and times: their format in Spark's pattern letters. By default ISO 8601."""
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    """For timestamps: the time zone of those without one. By default UTC. A local time that a change of the clock
    skipped is rejected; of one that it repeated, the earlier is used."""
    decimal: Separator | None = None
    """For numbers: the decimal separator, by default a point."""
    thousands: Separator | None = None
    """For numbers: the thousands separator, which is optional. Groups that don't have three digits are rejected."""

    @model_validator(mode="after")
    def _fits(self) -> Cast:
        kind = self.to.strip().lower()
        if self.format and kind not in _TIMES:
            raise ValueError(f"cast to {self.to} takes no format; date and timestamp do")
        if self.zone and not kind.startswith("timestamp"):
            raise ValueError(f"cast to {self.to} takes no zone; timestamp does")
        if (self.decimal or self.thousands) and not is_number(kind):
            raise ValueError(f"cast to {self.to} takes no separators; numbers do")
        if (self.decimal or ".") == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.thousands!r}")
        if self.zone and self.format and set(re.sub(r"'[^']*'", "", self.format)) & set(_ZONE_LETTERS):
            raise ValueError(f"the format {self.format!r} reads a zone from the text, so zone has no effect")
        return self

    def after(self, columns: Types) -> Types:
        return replaced(columns, [self.column], self.to)

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        kind = columns.get(self.column, "")
        if is_interval(kind) and self.to.strip().lower() in ("float", "real", "double"):
            yield Problem.at((), f"column {self.column!r} is {kind}, which Spark doesn't cast to {self.to}",
                             f"Write {to_number(self.column, kind)}, and a second cast where it has to be {self.to}")


class Parse(BaseRule):
    """Parses text of separated values to an array; one unreadable value rejects the row."""

    rule: Literal["parse"]
    column: str
    """The column that is parsed."""
    to: Literal["array<int>", "array<double>"] = Field(alias="as")
    """The array's type."""
    separator: str = Field(default=" ", min_length=1)
    """The separator between two values. One space means any run of white space."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, [self.column], self.to)


class Derive(BaseRule):
    """Computes a column from the others by a Spark SQL expression: other units, parts of a text, a sum.

    It replaces the column of the same name, or is added as the last one. A value that isn't a `type` rejects the row.
    """

    rule: Literal["derive"]
    column: str
    """The column that is computed."""
    sql: str = Field(min_length=1)
    """An expression over one row. Functions whose result changes with every run (rand, now) are refused."""
    type: SparkType
    """The new column's type."""

    _new = field_validator("column")(new_name)

    def uses(self) -> list[str]:
        return []

    def after(self, columns: Types) -> Types:
        return replaced(columns, [self.column], self.type)

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        if problem := case_clash(self.column, columns):
            yield problem
