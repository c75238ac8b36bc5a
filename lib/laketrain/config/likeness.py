"""When two texts or two pictures count as almost the same.

    near_duplicates: {column: body, similarity: 0.85}
    near_duplicates: {column: photo, kind: image, distance: 4}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.base import Section


class Likeness(Section):
    """Rows of which one column is almost the same."""

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

    @model_validator(mode="after")
    def _fits(self) -> Likeness:
        if self.kind == "text" and self.distance is not None:
            raise ValueError("text has no distance; give similarity, e.g. 0.8")
        if self.kind == "image" and (self.similarity is not None or self.shingle is not None):
            raise ValueError("images have no similarity and no shingle; give distance, e.g. 4")
        return self

    @property
    def least(self) -> float:
        """How similar texts must be."""
        return 0.8 if self.similarity is None else self.similarity

    @property
    def most(self) -> int:
        """How many bits of pictures may differ."""
        return 4 if self.distance is None else self.distance

    @property
    def run(self) -> int:
        """The length in characters of what texts are compared by."""
        return 5 if self.shingle is None else self.shingle

    def unfit(self, columns: Mapping[str, str]) -> tuple[str, str] | None:
        """What is wrong with the column's type, and the hint."""
        wanted = {"text": "string", "image": "binary"}[self.kind]
        found = columns.get(self.column, wanted)
        if found.strip().lower() == wanted:
            return None
        return f"near_duplicates of {self.kind} needs a {wanted} column, {self.column!r} is {found} here", ""
