"""The step that joins each row to at most one row of another table.

    - join: {table: captures, on: [digit_id], relation: one-to-one, unmatched: {left: quarantine, right: quarantine}}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from laketrain.config.base import Section
from laketrain.config.integrate.base import BaseJoin

Unmatched = Literal["keep", "quarantine", "fatal"]


class UnmatchedPolicy(Section):
    """What happens to rows without a match. Unmatched left rows can be kept, with nulls in the new columns; right ones
    can't. A row with a null in its key has no match."""

    left: Unmatched = "fatal"
    """Unmatched rows of the table so far: `keep` them, `quarantine` them, or fail (`fatal`), so that none goes
    unnoticed."""
    right: Literal["drop", "quarantine", "fatal"] = "drop"
    """Unmatched rows of the other table, which often has more than are needed: `drop`, `quarantine` or fail
    (`fatal`)."""


class Join(BaseJoin):
    """Joins each row to the row of `table` with the same key. The key must be unique in `table`, so that each row has
    at most one match; one-to-one requires it to be unique on the left side too. Nulls equal nothing."""

    step: Literal["join"]
    on: list[str] | dict[str, str] = Field(min_length=1)
    """The columns of the key, which both sides have, or a mapping of this side's names to the other table's."""
    relation: Literal["one-to-one", "many-to-one"]
    """The expected relation of the keys. It is checked: the stage fails if it doesn't hold."""
    unmatched: UnmatchedPolicy = UnmatchedPolicy()
    """What happens to rows without a match."""
