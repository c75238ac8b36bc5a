"""Settings of the convert stage that don't depend on features: splits, leakage between them, oversampling.

    split: {by: digit_id, fractions: {train: 0.8, val: 0.1, test: 0.1}}
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator, model_validator

from laketrain.config.base import Section, SplitName
from laketrain.config.language.timestamps import SPARK_TIMESTAMP
from laketrain.config.near_duplicates import NearDuplicateSettings


class ByColumn(Section):
    """A column determines each row's split, e.g. a fold or the split's name."""

    column: str
    """The name of that column."""
    values: dict[SplitName, list[str | int]] = Field(min_length=1)
    """The column's values for each split; a row with any other value is quarantined."""

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: dict[str, list[str | int]]) -> dict[str, list[str | int]]:
        first: dict[str, str] = {}
        for split, of_split in values.items():
            for value in map(str, of_split):
                if value in first:
                    raise ValueError(f"{value!r} means both {first[value]} and {split}")
                first[value] = split
        return values


_WIDEST_OFFSET = timedelta(hours=18)


def _instant(text: str) -> datetime:
    """The time that Spark reads from `text` in a session of UTC. Raises ValueError if Spark can't read it."""
    instant = datetime.fromisoformat(text)
    offset = instant.utcoffset() or timedelta()
    if not SPARK_TIMESTAMP.fullmatch(text) or abs(offset) > _WIDEST_OFFSET:
        raise ValueError
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


class ByTime(Section):
    """Each row's split is determined by its time, so that a model is never trained on later rows."""

    column: str
    """The column with the date or timestamp; a row without one is quarantined."""
    until: dict[SplitName, str] = Field(min_length=1)
    """The end of each split, exclusive, in the order of time: `{train: 2017-07-01, val: 2017-10-01 12:00}`. Without an
    offset it is in UTC."""
    rest: SplitName | None = "test"
    """The split of all later rows; with `null` they are quarantined."""

    @field_validator("until")
    @classmethod
    def _ascending(cls, until: dict[str, str]) -> dict[str, str]:
        ends = []
        for split, text in until.items():
            try:
                ends.append(_instant(text))
            except ValueError:
                raise ValueError(f"the end of {split} is {text!r}, expected a date or time such as 2017-07-01, "
                                 "2017-07-01 12:00 or 2017-07-01 12:00:00+02:00") from None
        if any(later <= earlier for earlier, later in pairwise(ends)):
            raise ValueError(f"the ends are not in the order of time: {', '.join(until.values())}")
        return until


class Split(Section):
    """How rows are split: by a hash of a key (`by` and `fractions`), by a column, or by time. Exactly one of these."""

    by: str | None = None
    """The column whose values are assigned to splits by hash. Rows of one value are always in the same split, so rows
    that belong together (of one patient, one day) should share a value. A rerun assigns the same splits."""
    fractions: dict[SplitName, float] | None = Field(default=None, min_length=1)
    """With `by`: each split's share of the values, between 0 and 1. They sum to 1, and one is named `train`."""
    stratify: str | None = None
    """With `by`: a column, usually the label, whose values have the same shares in every split, exact to one key."""
    seed: int = 0
    """The seed of the hash: another seed makes other splits. The default is any fixed number."""
    by_column: ByColumn | None = None
    """Instead of `by`: a column that determines each row's split."""
    by_time: ByTime | None = None
    """Instead of `by`: splits by time."""

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: dict[str, float] | None) -> dict[str, float] | None:
        if fractions is None:
            return None
        if any(not 0 < part < 1 for part in fractions.values()) and len(fractions) > 1:
            raise ValueError(f"each fraction must be between 0 and 1, received {fractions}")
        total = math.fsum(fractions.values())
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"the fractions sum to {total:g}, expected 1")
        if "train" not in fractions:
            raise ValueError(f"no split is named 'train', received {', '.join(fractions)}")
        return fractions

    @model_validator(mode="after")
    def _check_ways(self) -> Split:
        ways = [name for name in ("by", "by_column", "by_time") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError(f"received {' and '.join(ways) or 'none'} of by, by_column and by_time, expected one")
        if (self.by is None) != (self.fractions is None):
            raise ValueError("`by` and `fractions` go together: the hashed column, and each split's share")
        if self.stratify is not None and self.by is None:
            raise ValueError("`stratify` needs `by`, whose keys it distributes")
        if "train" not in self.names:
            raise ValueError(f"no split is named 'train', received {', '.join(self.names)}")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"the split {self.names[-1]!r} is named twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in order."""
        if self.by_column is not None:
            return tuple(self.by_column.values)
        if self.by_time is not None:
            return (*self.by_time.until, *([self.by_time.rest] if self.by_time.rest else []))
        return tuple(self.fractions or {})

    @property
    def columns(self) -> dict[tuple[str, ...], str]:
        """The table's columns that it needs, by the path in this section that names them."""
        named = {("by",): self.by, ("stratify",): self.stratify,
                 ("by_column", "column"): self.by_column and self.by_column.column,
                 ("by_time", "column"): self.by_time and self.by_time.column}
        return {path: column for path, column in named.items() if column}


class Leakage(Section):
    """What must not be in two splits at once; checked after the rows are split."""

    keys: list[str] = Field(default_factory=list)
    """Columns whose values must each be in one split only: a patient, a device, a day."""
    duplicates: bool = True
    """Whether to look for rows with exactly equal inputs too."""
    near_duplicates: NearDuplicateSettings | None = None
    """A column of texts or images that must not have near-duplicates in other splits. By default it isn't checked,
    since this check takes longer than all others."""
    action: Literal["report", "fatal"] = "report"
    """Whether a leak is only reported in the run's counts, or fails the run."""


class Oversample(Section):
    """Repeats rows of rare classes in the train split; other splits don't change."""

    column: str
    """The column with the class, usually the label's."""
    share: float = Field(default=1.0, gt=0, le=1)
    """The rows that each class gets at least, as a share of those of the most frequent class."""
