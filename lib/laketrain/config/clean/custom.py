"""The rule that calls a user's function.

    - function: {call: "hospital.cleaning:join_names", adds: {full_name: string}, drops: [first, last]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from laketrain.config.clean.base import BaseRule, Types, case_clash, new_name
from laketrain.config.sql.types import SparkType
from laketrain.errors import Problem
from laketrain.usercode.lookup import call_problem


class Function(BaseRule):
    """Calls a Python function from DataFrame to DataFrame, for changes that no other rule makes.

    The function receives the rows that no rule has rejected yet, with the columns `_file`, `_record` and `_reject`,
    which it must keep. It may change values and columns, and reject rows with `laketrain.clean.reject`. It must neither
    drop nor add rows; otherwise the stage fails.
    """

    rule: Literal["function"]
    call: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
    """`module:function`. The driver must be able to import the module, and so must the executors if the function sends
    Python code to them."""
    adds: dict[str, SparkType] = Field(default_factory=dict)
    """Columns that the function adds, or whose type it changes, with their types."""
    drops: list[str] = Field(default_factory=list)
    """Columns that the function removes."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Keyword arguments of the function."""

    @field_validator("adds")
    @classmethod
    def _new(cls, adds: dict[str, str]) -> dict[str, str]:
        return {new_name(name): kind for name, kind in adds.items()}

    def uses(self) -> list[str]:
        return self.drops

    def after(self, columns: Types) -> Types:
        return {**{name: kind for name, kind in columns.items() if name not in self.drops}, **self.adds}

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        clashes = filter(None, (case_clash(name, columns) for name in self.adds))
        if problem := next(clashes, None) or call_problem(self.call):
            yield problem
