"""The rule against outliers.

    - outliers: {columns: [price], method: iqr, by: [city], action: clip}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from laketrain.config.clean.base import BaseRule, Columns, require_numbers
from laketrain.errors import Problem


class Outliers(BaseRule):
    """Rejects or changes outliers: numbers far from the others of their column, or of their group.

    The bounds are fitted on the rows that no rule has rejected yet, and recorded in the version under `fitted`. If all
    or most values are equal, so that the spread is 0, nothing is an outlier. Nulls and NaN don't change.
    """

    rule: Literal["outliers"]
    columns: Columns
    """Columns of numbers. Each is checked independently, all are fitted on the same rows."""
    method: Literal["iqr", "robust_z", "z"] = "iqr"
    """What `limit` counts. `iqr`: interquartile ranges outside the quartiles. `robust_z`: deviations from the median, a
    deviation being 1.4826 times the median absolute deviation. `z`: standard deviations from the mean."""
    limit: float | None = Field(default=None, gt=0)
    """The limit beyond which a number is an outlier; by default the usual 1.5 for iqr, 3.5 for robust_z, 3 for z."""
    by: list[str] = Field(default_factory=list)
    """The columns that identify a group; by default the whole table is one group."""
    action: Literal["reject", "clip", "null"] = "reject"
    """`reject` the row, `clip` the value to the nearest bound, or replace it by `null`."""

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        return require_numbers("outliers", self.columns, columns)
