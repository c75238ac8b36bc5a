"""The rule that fills missing values.

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
    """Fills missing values: null, NaN, empty text. Rejects nothing; filled cells are counted under `imputed`.

    The values are fitted on the rows that no rule has rejected yet, and recorded in the version under `fitted`. A group
    without any value doesn't change: a second `impute` without `by` can fill the rest.
    """

    rule: Literal["impute"]
    columns: Columns
    """The columns that are filled; their types don't change."""
    method: Literal["constant", "mean", "median", "mode", "forward"]
    """`mean` and `median` of numbers, rounded in columns of whole numbers; `mode`: the most frequent value, the
    smallest of equally frequent ones; `constant`: `value`; `forward`: the last value before it along a column, e.g. a
    time."""
    value: str | float | bool | None = None
    """The value of `constant`."""
    by: list[str] = Field(default_factory=list)
    """The columns that identify a group or, for `forward`, an entity; by default the whole table is one."""
    along: str | None = None
    """For `forward`: the column that orders an entity's rows. Rows without a value in it don't change."""

    @model_validator(mode="after")
    def _fits(self) -> Impute:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("method: constant and value go together", "E.g. method: constant, value: 0")
        if (self.method == "forward") != (self.along is not None):
            raise ValueError("method: forward and along go together", "E.g. method: forward, along: measured_at")
        if self.method == "constant" and self.by:
            raise ValueError("a constant is the same for every group, so by has no effect")
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
