"""Settings of the convert stage that need no features: splits, leaks between them, rare classes.

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
    """Each row's split is written in a column: a fold, or the name of the split itself."""

    column: str
    """The column that says it."""
    values: dict[SplitName, list[str | int]] = Field(min_length=1)
    """Which of its values mean which split; a row with any other is quarantined."""

    @field_validator("values")
    @classmethod
    def _told_apart(cls, values: dict[str, list[str | int]]) -> dict[str, list[str | int]]:
        first: dict[str, str] = {}
        for split, own in values.items():
            for value in map(str, own):
                if value in first:
                    raise ValueError(f"{value!r} means both {first[value]} and {split}")
                first[value] = split
        return values


_WIDEST_OFFSET = timedelta(hours=18)


def _instant(text: str) -> datetime:
    """When it is that `text` says, as Spark reads it in a session of UTC. Raises ValueError where it can't."""
    found = datetime.fromisoformat(text)
    offset = found.utcoffset() or timedelta()
    if not SPARK_TIMESTAMP.fullmatch(text) or abs(offset) > _WIDEST_OFFSET:
        raise ValueError
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


class ByTime(Section):
    """Each row's split is the span of time that it lies in: what comes later is never trained on."""

    column: str
    """The date or timestamp; a row without one is quarantined."""
    until: dict[SplitName, str] = Field(min_length=1)
    """Where each split ends, exclusive, in the order of time: `{train: 2017-07-01, val: 2017-10-01 12:00}`, in UTC
    where it has no offset."""
    rest: SplitName | None = "test"
    """The split of all that comes after; none where that is to be quarantined."""

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
    """How rows are shared out: by a hash of a key (`by` and `fractions`), by a column, or by time; just one of them."""

    by: str | None = None
    """The column whose values are drawn: rows that belong together (of one patient, one day) should share a value. They
    never part, and reruns agree."""
    fractions: dict[SplitName, float] | None = Field(default=None, min_length=1)
    """With `by`: each split's share of the keys, between 0 and 1; they sum to 1, and one of them is named `train`."""
    stratify: str | None = None
    """With `by`: a column, usually the label, of which every split has the same share of each value, to one key."""
    seed: int = 0
    """Another seed draws other splits. The default is any fixed number."""
    by_column: ByColumn | None = None
    """Instead of `by`: a column says each row's split."""
    by_time: ByTime | None = None
    """Instead of `by`: splits are spans of time."""

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: dict[str, float] | None) -> dict[str, float] | None:
        if fractions is None:
            return None
        if any(not 0 < part < 1 for part in fractions.values()) and len(fractions) > 1:
            raise ValueError(f"each fraction lies between 0 and 1, received {fractions}")
        total = math.fsum(fractions.values())
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"the fractions sum to {total:g}, expected 1")
        if "train" not in fractions:
            raise ValueError(f"no split is named 'train', received {', '.join(fractions)}")
        return fractions

    @model_validator(mode="after")
    def _one_way(self) -> Split:
        given = [name for name in ("by", "by_column", "by_time") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"received {' and '.join(given) or 'none'} of by, by_column and by_time, expected one")
        if (self.by is None) != (self.fractions is None):
            raise ValueError("`by` and `fractions` belong together: what is hashed, and each split's share")
        if self.stratify is not None and self.by is None:
            raise ValueError("`stratify` goes with `by`, whose keys it shares out")
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
        """The table's columns that it needs, by the place in this section that names them."""
        named = {("by",): self.by, ("stratify",): self.stratify,
                 ("by_column", "column"): self.by_column and self.by_column.column,
                 ("by_time", "column"): self.by_time and self.by_time.column}
        return {place: column for place, column in named.items() if column}


class Leakage(Section):
    """What must not be in two splits at once; looked for after the rows are shared out."""

    keys: list[str] = Field(default_factory=list)
    """Columns whose values belong to one split each: a patient, a device, a day."""
    duplicates: bool = True
    """Whether rows whose inputs are alike in every bit are looked for as well."""
    near_duplicates: NearDuplicateSettings | None = None
    """A column of texts or pictures that are looked for in other splits where they are almost the same; by default
    they aren't, as it takes longer than all else here."""
    action: Literal["report", "fatal"] = "report"
    """Whether a leak is told in the run's counts, or ends it."""


class Oversample(Section):
    """Rows of rare classes stand in the train split more than once; validation and test stay as they are."""

    column: str
    """The column of the class, usually the label's."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Rows that each class shall have, as a share of those of the commonest one."""
