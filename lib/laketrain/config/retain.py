"""How many versions of its tables a workload keeps in the lake.

    retain: {versions: 3, days: 30}
"""

from __future__ import annotations

from pydantic import Field

from laketrain.config.base import Section


class Retain(Section):
    """Which versions of the workload's tables the lake keeps. It also keeps all versions that a kept one was made
    from."""

    versions: int = Field(ge=1)
    """Keep this many of the newest versions of each table."""
    days: float | None = Field(default=None, ge=0, le=700_000)
    """Also keep all versions that are at most this many days old; by default none."""
