"""The rule that keeps one row for each key.

    - unique: {key: [digit_id], keep: last, by: captured_at}
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from laketrain.config.clean.base import BaseRule, Columns


class Unique(BaseRule):
    """Keeps one row for each key and rejects the others. Null is a key like any other."""

    rule: Literal["unique"]
    key: Columns
    """The columns of the key."""
    keep: Literal["first", "last", "best"] = "first"
    """Which row is kept: the one with the lowest (`first`) or the highest value of `by` (`last`, `best`). Of equal
    values, and without `by`, it is the first by file and content, or with `last` the last."""
    by: str | None = None
    """The column by which rows of one key are compared, e.g. a time or a score. A row with a value is preferred to one
    without."""

    @model_validator(mode="after")
    def _best_of_what(self) -> Unique:
        if self.keep == "best" and self.by is None:
            raise ValueError("keep: best needs a column to compare rows by", "Add it, e.g. by: score")
        return self

    def uses(self) -> list[str]:
        return [*self.key, *super().uses()]
