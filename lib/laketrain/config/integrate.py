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
    right: Literal["drop", "quarantine", "fatal"] = "drop"


class Join(Section):
    """A join to the clean table `table`. Its key is unique there in both relations, so rows never fan out;
    one-to-one demands it of the left side too."""

    table: Name
    on: list[str] = Field(min_length=1)
    relation: Literal["one-to-one", "many-to-one"]
    unmatched: UnmatchedPolicy = UnmatchedPolicy()


class IntegrateTable(Section):
    """One integrated table: a clean table, what is joined to it in order, and a SQL step over the view of its name."""

    table: Name
    joins: list[Join] = Field(default_factory=list)
    sql: str | None = None
