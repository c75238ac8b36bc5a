"""Rules that make values of another type: read text as a type, split it into an array, compute a column.

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
_MEANT = {"Y": "yyyy for the year", "u": "yyyy for the year", "n": "mm for minutes", "e": "dd for the day"}


def _pattern(text: str) -> str:
    """A pattern by which Spark can read times."""
    bare = re.sub(r"'[^']*'", "", text)
    if "%" in bare:
        raise ValueError(f"received {text!r}, expected Spark's pattern letters", "E.g. yyyy-MM-dd HH:mm:ss")
    wrong = next((sign for sign in bare if sign.isalpha() and sign not in _LETTERS), None)
    if wrong:
        raise ValueError(f"received {text!r}, in which {wrong!r} is no letter that Spark reads times by",
                         f"Write {_MEANT.get(wrong, 'text in quotes: dd.MM.yyyy ''at'' HH:mm')}; "
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
        raise ValueError(f"received {text!r}, expected one character that is no letter, digit or sign, such as ','")
    return text


Separator = Annotated[str, AfterValidator(_sign)]


class Cast(BaseRule):
    """The column becomes `to`, a Spark SQL type; what is none, or would lose a part, is rejected; null stays null. A
    `date` of a timestamp is its day, in UTC."""

    rule: Literal["cast"]
    column: str
    """The column that is read."""
    to: SparkType
    """A Spark SQL type, e.g. int, double, "decimal(10,2)", date, timestamp."""
    format: Annotated[str, AfterValidator(_pattern)] | None = None
    """For dates and times: how they are written, in Spark's pattern letters. By default ISO 8601."""
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    """For timestamps: whose clock they were read from where they name no zone. By default UTC. A local time that the
    clock jumped over is rejected; of two that it showed twice, the earlier is meant."""
    decimal: Separator | None = None
    """For numbers: what stands before the fraction, by default a point."""
    thousands: Separator | None = None
    """For numbers: what may stand between groups of three digits. Groups of another size are rejected."""

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
            raise ValueError(f"the format {self.format!r} reads a zone from the text, so zone has nothing to say")
        return self

    def after(self, columns: Types) -> Types:
        return replaced(columns, [self.column], self.to)

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        kind = columns.get(self.column, "")
        if is_interval(kind) and self.to.strip().lower() in ("float", "real", "double"):
            yield Problem.at((), f"column {self.column!r} is {kind}, which Spark doesn't cast to {self.to}",
                             f"Write {to_number(self.column, kind)}, and a second cast where it has to be {self.to}")


class Parse(BaseRule):
    """Text of values between separators becomes an array; one unreadable value rejects the row."""

    rule: Literal["parse"]
    column: str
    """The column of text."""
    to: Literal["array<int>", "array<double>"] = Field(alias="as")
    """The array's type."""
    separator: str = Field(default=" ", min_length=1)
    """What stands between two values. One space stands for any run of white space."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, [self.column], self.to)


class Derive(BaseRule):
    """A column computed from the others by a Spark SQL expression: other units, parts of a text, a sum.

    It replaces a column of its name, or stands as a new one at the end. A value that is no `type` rejects the row.
    """

    rule: Literal["derive"]
    column: str
    """The column that is made."""
    sql: str = Field(min_length=1)
    """An expression over one row. What gives another result at every run (rand, now) is refused."""
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
