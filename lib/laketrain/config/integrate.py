"""The integrate stage: joins with their contract, then a SQL step.

    integrate:
      digits:
        table: pixels
        joins:
          - {table: captures, on: [digit_id], relation: one-to-one, unmatched: {left: quarantine, right: quarantine}}
        sql: SELECT digit_id, pixels, label FROM digits
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laketrain.config.base import Name, Section

Unmatched = Literal["keep", "quarantine", "fatal"]


class UnmatchedPolicy(Section):
    """What happens to rows without a partner. A left row can be kept (its new columns are null); a right one can't."""

    left: Unmatched = "fatal"
    """Of rows of the table so far: `keep` them, `quarantine` them, or fail (`fatal`), so that none goes unseen."""
    right: Literal["drop", "quarantine", "fatal"] = "drop"
    """Of rows of the joined table, which often holds more than is asked for: `drop`, `quarantine` or fail (`fatal`)."""


class Join(Section):
    """A join to the clean table `table`. Its key is unique there in both relations, so rows never fan out;
    one-to-one demands it of the left side too."""

    table: Name
    """The clean table that is joined."""
    on: list[str] = Field(min_length=1)
    """The columns of the key, which both sides have."""
    relation: Literal["one-to-one", "many-to-one"]
    """What is promised of the keys, and checked: a broken promise fails the stage."""
    unmatched: UnmatchedPolicy = UnmatchedPolicy()
    """What happens to rows without a partner."""


class IntegrateTable(Section):
    """One integrated table: a clean table, what is joined to it in order, and a SQL step over the view of its name."""

    table: Name
    """The clean table that it begins with."""
    joins: list[Join] = Field(default_factory=list)
    """What is joined to it, in this order."""
    sql: str | None = None
    """One SELECT over the view of this table's name, after the joins; by default every column stays."""
