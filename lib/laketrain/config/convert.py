"""The convert stage: an integrated (or clean) table becomes a Petastorm dataset in splits.

    convert:
      table: digits
      features:
        image: {kind: image, column: pixels, shape: [28, 28, 1]}
        label: {kind: label, column: label, classes: 10}
      split: {by: digit_id, fractions: {train: 0.8, val: 0.1, test: 0.1}}
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, field_validator

from laketrain.config.base import Name, Section, SplitName


class Split(Section):
    """Each row's split is drawn by the hash of `by` and `seed` alone: rows of one key never part, reruns agree."""

    by: str
    fractions: dict[SplitName, float] = Field(min_length=1)
    seed: int = 0

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: dict[str, float]) -> dict[str, float]:
        if any(not 0 < part < 1 for part in fractions.values()) and len(fractions) > 1:
            raise ValueError(f"each fraction lies between 0 and 1, received {fractions}")
        total = math.fsum(fractions.values())
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"the fractions sum to {total:g}, expected 1")
        if "train" not in fractions:
            raise ValueError(f"no split is named 'train', received {', '.join(fractions)}")
        return fractions


class Convert(Section):
    """What becomes of which column. `features` is parsed by the room of that name, which knows the kinds.

    `shuffle` sorts the rows by a hash, for sources that come sorted (a folder a class) and for row orders that must
    not depend on how Spark cut the table. `max_reject_fraction` bounds the rows whose values don't fit a feature.
    """

    table: Name
    dataset: Name | None = None
    features: dict[Name, dict[str, Any]] = Field(min_length=1)
    split: Split
    shuffle: bool = True
    row_group_mb: float = Field(default=1.0, gt=0, le=512)
    file_mb: float = Field(default=128.0, gt=0)
    max_reject_fraction: float = Field(default=0.0, ge=0, le=1)
