"""The rule against rows that are almost the same as another.

    - near_duplicates: {column: body, similarity: 0.85, key: [article_id]}
    - near_duplicates: {column: photo, kind: image, distance: 4, key: [path]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.clean.base import BaseRule, Told


class NearDuplicates(BaseRule):
    """Of texts or pictures that are almost the same, the first by file and content stays; the others are rejected.

    The reason names the row that stays and how alike they are. Rows without a text or a readable picture stay.
    """

    rule: Literal["near_duplicates"]
    column: str
    """The column that is compared: text, or encoded pictures as binary."""
    kind: Literal["text", "image"] = "text"
    """How it is compared."""
    similarity: float | None = Field(default=None, ge=0.3, le=1)
    """For text: the share of runs of `shingle` characters, of all that either text has, which both have. Capitals and
    white space don't count. By default 0.8."""
    shingle: int | None = Field(default=None, ge=2, le=20)
    """For text: the length of a run in characters, by default 5; 3 suits Chinese."""
    distance: int | None = Field(default=None, ge=0, le=16)
    """For images: how many of the 64 bits of their difference hash may differ, by default 4."""
    key: list[str] = Field(default_factory=list)
    """The columns by which a reason names the row that stays; without them, its file."""

    @model_validator(mode="after")
    def _fits(self) -> NearDuplicates:
        if self.kind == "text" and self.distance is not None:
            raise ValueError("text has no distance; give similarity, e.g. 0.8")
        if self.kind == "image" and (self.similarity is not None or self.shingle is not None):
            raise ValueError("images have no similarity and no shingle; give distance, e.g. 4")
        return self

    def uses(self) -> list[str]:
        return [*super().uses(), *self.key]

    def problem(self, columns: Mapping[str, str]) -> Told:
        wanted = {"text": "string", "image": "binary"}[self.kind]
        found = columns.get(self.column, wanted)
        if found.strip().lower() == wanted:
            return None
        return f"near_duplicates of {self.kind} needs a {wanted} column, {self.column!r} is {found} here", ""
