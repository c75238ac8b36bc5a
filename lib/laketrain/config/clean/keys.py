"""The rule that lets one row a key stay.

    - unique: {key: [digit_id], keep: last, by: captured_at}
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from laketrain.config.clean.base import BaseRule, Columns


class Unique(BaseRule):
    """One row a key stays; the others are rejected. Null is a key like any other."""

    rule: Literal["unique"]
    key: Columns
    """The columns that make the key."""
    keep: Literal["first", "last", "best"] = "first"
    """Which row stays: that with the lowest (`first`) or the highest value of `by` (`last`, `best`). Of equals, and
    without `by`, the first by file and content; with `last` the last."""
    by: str | None = None
    """The column that rows of one key are compared by, e.g. a time or a score; a row without a value yields."""

    @model_validator(mode="after")
    def _best_of_what(self) -> Unique:
        if self.keep == "best" and self.by is None:
            raise ValueError("keep: best needs a column to compare rows by", "Add it, e.g. by: score")
        return self

    def uses(self) -> list[str]:
        return [*self.key, *super().uses()]
