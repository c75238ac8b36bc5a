"""The clean stage: per table, rules in the order in which they are applied.

    clean:
      pixels:
        max_reject_fraction: 0.05
        rules:
          - not_null: {columns: [digit_id, pixels]}
          - parse: {column: pixels, as: array<int>, separator: " "}
          - length: {column: pixels, equals: 784}

A rule is one key, its name, over that rule's settings. A row is rejected by the first rule that it breaks.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from laketrain.config.base import Name, Section
from laketrain.config.types import SparkType

Columns = Annotated[list[str], Field(min_length=1)]


class NotNull(Section):
    """Each of `columns` has a value; an empty string counts as none."""

    rule: Literal["not_null"]
    columns: Columns


class Trim(Section):
    """White space around the text goes; with `lower`, so do capitals. Rejects nothing."""

    rule: Literal["trim"]
    columns: Columns
    lower: bool = False


class Replace(Section):
    """Known spellings become the one that is meant: `{scan_a: scanner-a}`. Rejects nothing."""

    rule: Literal["replace"]
    column: str
    values: dict[str, str] = Field(min_length=1)


class Cast(Section):
    """The column becomes `to`, a Spark SQL type; what can't be read as one is rejected."""

    rule: Literal["cast"]
    column: str
    to: SparkType


class Parse(Section):
    """Text of values between separators becomes an array; one unreadable value rejects the row."""

    rule: Literal["parse"]
    column: str
    to: Literal["array<int>", "array<double>"] = Field(alias="as")
    separator: str = Field(default=" ", min_length=1)


class Length(Section):
    """The array or text has this many elements or characters."""

    rule: Literal["length"]
    column: str
    equals: int | None = Field(default=None, ge=0)
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _some_bound(self) -> Length:
        if self.equals is None and self.min is None and self.max is None:
            raise ValueError("length has no bound, expected one of equals, min, max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no length fits: min {self.min} is above max {self.max}")
        return self


class Range(Section):
    """The number, or every number of the array, lies in [min, max]."""

    rule: Literal["range"]
    column: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("range has no bound, expected min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"range is empty: min {self.min:g} is above max {self.max:g}")
        return self


class Allowed(Section):
    """The value is one of these."""

    rule: Literal["allowed"]
    column: str
    values: list[str | int] = Field(min_length=1)


class Unique(Section):
    """One row a key stays: the first by file and content, or the latest (largest) by the column `latest_by`."""

    rule: Literal["unique"]
    key: Columns
    latest_by: str | None = None


class Check(Section):
    """A Spark SQL condition that holds for every good row; null counts as broken."""

    rule: Literal["check"]
    sql: str = Field(min_length=1)


_AnyRule = NotNull | Trim | Replace | Cast | Parse | Length | Range | Allowed | Unique | Check
_BY_NAME = {typing.get_args(kind.model_fields["rule"].annotation)[0]: kind for kind in typing.get_args(_AnyRule)}


def _named(rule: Any) -> Any:
    """`{range: {column: x}}`, as people write it, becomes `{rule: range, column: x}`, as it is parsed."""
    if isinstance(rule, Section) or (isinstance(rule, dict) and "rule" in rule):
        return rule
    if not isinstance(rule, dict):
        raise ValueError(f"received {rule!r}, expected a rule over its settings, e.g. not_null: {{columns: [id]}}")
    if len(rule) != 1:
        raise ValueError(f"received the keys {', '.join(map(str, rule)) or '(none)'} in one item of the list, "
                         "expected one rule; begin each with a '- ' of its own")
    [(name, settings)] = rule.items()
    if isinstance(settings, dict):
        return {"rule": name, **settings}
    if name in _BY_NAME:
        keys = [field.alias or key for key, field in _BY_NAME[name].model_fields.items() if key != "rule"]
        raise ValueError(f"received {settings!r} as the settings of {name}, expected a mapping of {', '.join(keys)}")
    return {"rule": name}


Rule = Annotated[_AnyRule, Field(discriminator="rule"), BeforeValidator(_named)]


class CleanTable(Section):
    """One cleaned table. `source` defaults to the source of the table's own name."""

    source: Name | None = None
    max_reject_fraction: float = Field(default=0.0, ge=0, le=1)
    rules: list[Rule] = Field(default_factory=list)
