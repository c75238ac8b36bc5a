"""How many versions of its tables a workload keeps in the lake.

    retain: {versions: 3, days: 30}
"""

from __future__ import annotations

from pydantic import Field

from laketrain.config.base import Section


class Retain(Section):
    """What the lake keeps of the workload's own tables; a version from which one that stays was made stays too."""

    versions: int = Field(ge=1)
    """The newest so many of each table."""
    days: float | None = Field(default=None, ge=0, le=700_000)
    """All of so many days beside them; by default none."""
