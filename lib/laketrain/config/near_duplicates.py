"""When two texts or two images count as near-duplicates.

    near_duplicates: {column: body, similarity: 0.85}
    near_duplicates: {column: photo, kind: image, distance: 4}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from laketrain.config.base import Section
from laketrain.errors import Problem


class NearDuplicateSettings(Section):
    """How rows are compared whose texts or images are almost the same."""

    column: str
    """The column that is compared: text, or encoded images as binary."""
    kind: Literal["text", "image"] = "text"
    """Whether the column contains texts or images."""
    similarity: float | None = Field(default=None, ge=0.3, le=1)
    """For text: the least Jaccard similarity of near-duplicates, i.e. the runs of `shingle` characters that both texts
    have, as a share of those that either has. Case and white space are ignored. By default 0.8."""
    shingle: int | None = Field(default=None, ge=2, le=20)
    """For text: the length of a run (a shingle) in characters. By default 5; 3 suits Chinese."""
    distance: int | None = Field(default=None, ge=0, le=16)
    """For images: the most bits that may differ of their difference hashes, which have 64. By default 4."""

    @model_validator(mode="after")
    def _fits(self) -> NearDuplicateSettings:
        if self.kind == "text" and self.distance is not None:
            raise ValueError("distance is for images; set similarity for text, e.g. 0.8")
        if self.kind == "image" and (self.similarity is not None or self.shingle is not None):
            raise ValueError("similarity and shingle are for text; set distance for images, e.g. 4")
        return self

    @property
    def min_similarity(self) -> float:
        """The least similarity of near-duplicate texts."""
        return 0.8 if self.similarity is None else self.similarity

    @property
    def max_distance(self) -> int:
        """The most bits that may differ between near-duplicate images."""
        return 4 if self.distance is None else self.distance

    @property
    def shingle_length(self) -> int:
        """The length in characters of the runs by which texts are compared."""
        return 5 if self.shingle is None else self.shingle

    def column_problem(self, columns: Mapping[str, str]) -> Problem | None:
        """The problem of a column whose type doesn't fit `kind`; else None."""
        expected = {"text": "string", "image": "binary"}[self.kind]
        received = columns.get(self.column, expected)
        if received.strip().lower() == expected:
            return None
        return Problem.at((), f"near_duplicates of {self.kind} needs a {expected} column, "
                          f"{self.column!r} is {received} here")
