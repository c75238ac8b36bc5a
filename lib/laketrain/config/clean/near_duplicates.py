"""The rule that rejects near-duplicates of other rows.

    - near_duplicates: {column: body, similarity: 0.85, key: [article_id]}
    - near_duplicates: {column: photo, kind: image, distance: 4, key: [path]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from laketrain.config.clean.base import BaseRule
from laketrain.config.near_duplicates import NearDuplicateSettings
from laketrain.errors import Problem


class NearDuplicates(NearDuplicateSettings, BaseRule):
    """Rejects rows whose text or image is almost the same as another's; the first by file and content stays.

    The reason names the row that stays and the similarity. Rows without a text or a readable image stay.
    """

    rule: Literal["near_duplicates"]
    key: list[str] = Field(default_factory=list)
    """The columns by which the reason names the row that stays; by default it names the file."""

    def uses(self) -> list[str]:
        return [*super().uses(), *self.key]

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        if problem := self.column_problem(columns):
            yield problem
