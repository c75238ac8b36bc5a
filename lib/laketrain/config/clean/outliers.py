"""The rule about numbers far from the others.

    - outliers: {columns: [price], method: iqr, by: [city], action: clip}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from laketrain.config.clean.base import BaseRule, Columns, require_numbers
from laketrain.errors import Problem


class Outliers(BaseRule):
    """Numbers far from the others of their column, or of their group in it.

    The bounds are fitted on the rows that are still good, and stand in the version under `fitted`. Where all or most
    values are alike there is no spread to judge by, and nothing is an outlier. Nulls and NaN are left alone.
    """

    rule: Literal["outliers"]
    columns: Columns
    """Columns of numbers; each is judged on its own, all by the same rows."""
    method: Literal["iqr", "robust_z", "z"] = "iqr"
    """`iqr`: so many interquartile ranges outside the quartiles. `robust_z`: so many deviations from the median, the
    deviation being 1.4826 times the median absolute one. `z`: so many standard deviations from the mean."""
    limit: float | None = Field(default=None, gt=0)
    """How many; by default what is usual: 1.5 for iqr, 3.5 for robust_z, 3 for z."""
    by: list[str] = Field(default_factory=list)
    """The columns that make a group; none for the whole table."""
    action: Literal["reject", "clip", "null"] = "reject"
    """`reject` the row, `clip` the value to the nearest bound, or make it `null`."""

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        return require_numbers("outliers", self.columns, columns)
