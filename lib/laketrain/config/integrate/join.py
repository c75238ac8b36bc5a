"""The step that gives each row its one partner in another table.

    - join: {table: captures, on: [digit_id], relation: one-to-one, unmatched: {left: quarantine, right: quarantine}}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.integrate.base import Partners

Unmatched = Literal["keep", "quarantine", "fatal"]


class UnmatchedPolicy(Section):
    """What happens to rows without a partner. A left row can be kept (its new columns are null); a right one can't.
    A row whose key has a null has no partner."""

    left: Unmatched = "fatal"
    """Of rows of the table so far: `keep` them, `quarantine` them, or fail (`fatal`), so that none goes unseen."""
    right: Literal["drop", "quarantine", "fatal"] = "drop"
    """Of rows of the joined table, which often holds more than is asked for: `drop`, `quarantine` or fail (`fatal`)."""


class Join(Partners):
    """Each row gets the columns of the row of `table` with its key. That key is unique there in both relations, so rows
    never fan out; one-to-one demands it of the left side too. Nulls equal nothing."""

    step: Literal["join"]
    on: list[str] | dict[str, str] = Field(min_length=1)
    """The columns of the key, which both sides have; or a mapping of this side's names to the other table's."""
    relation: Literal["one-to-one", "many-to-one"]
    """What is promised of the keys, and checked: a broken promise fails the stage."""
    unmatched: UnmatchedPolicy = UnmatchedPolicy()
    """What happens to rows without a partner."""
