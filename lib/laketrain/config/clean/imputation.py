"""The rule that fills cells without a value.

    - impute: {columns: [age, income], method: median, by: [city]}
    - impute: {columns: [load], method: forward, along: at, by: [meter]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.clean.base import BaseRule, Columns, is_number, require_numbers
from laketrain.errors import Problem


class Impute(BaseRule):
    """Fills what has no value: null, NaN, an empty text. Rejects nothing; filled cells are counted under `imputed`.

    What is filled in is fitted on the rows that are still good, and stands in the version under `fitted`. A group in
    which no row has a value is left as it is: a second `impute` without `by` can fill the rest.
    """

    rule: Literal["impute"]
    columns: Columns
    """The columns that are filled; their types stay."""
    method: Literal["constant", "mean", "median", "mode", "forward"]
    """`mean` and `median` of numbers, rounded where the column is whole; `mode`: the most frequent value, the smallest
    of several; `constant`: `value`; `forward`: the value last seen along a column, e.g. a time."""
    value: str | float | bool | None = None
    """The constant."""
    by: list[str] = Field(default_factory=list)
    """The columns that make a group or, for `forward`, an entity; none for the whole table."""
    along: str | None = None
    """For `forward`: the column that orders an entity's rows. Rows without a value in it are left as they are."""

    @model_validator(mode="after")
    def _fits(self) -> Impute:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("method: constant and value go together", "E.g. method: constant, value: 0")
        if (self.method == "forward") != (self.along is not None):
            raise ValueError("method: forward and along go together", "E.g. method: forward, along: measured_at")
        if self.method == "constant" and self.by:
            raise ValueError("a constant is the same for every group, so by has nothing to say")
        return self

    def uses(self) -> list[str]:
        return [*super().uses(), *([self.along] if self.along else [])]

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        if self.method in ("mean", "median"):
            yield from require_numbers(self.method, self.columns, columns)
        if self.method == "constant" and isinstance(self.value, str):
            name = next((name for name in self.columns if is_number(columns.get(name, ""))), None)
            if name:
                yield Problem.at((), f"received {self.value!r} as the value of {name!r}, which is {columns[name]} here")
