"""The Spark session.

    spark: {master: "local[4]", conf: {spark.driver.memory: 4g}}
"""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from laketrain.config.base import Section

_MASTER = r"local(\[([1-9]\d*|\*)(, *\d+)?\])?|local-cluster\[.+\]|yarn|(spark|k8s)://.+"


def _check_master(master: str) -> str:
    if not re.fullmatch(_MASTER, master):
        raise ValueError(f"received {master!r}, expected local[2], local[*], yarn, spark://host:7077 or k8s://https://…")
    return master


class Spark(Section):
    """The Spark session, if none is running yet. Under spark-submit the settings of the submit take precedence."""

    master: Annotated[str, AfterValidator(_check_master)] | None = None
    """Spark's master; by default that of spark-submit or of Spark's own configuration."""
    conf: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Spark's configuration, e.g. `{spark.driver.memory: 4g}`."""


def local_slots(master: str | None) -> int | None:
    """Task slots of a local master, e.g. `local[4]`; None for a cluster, or if spark-submit decides."""
    if master is None:
        return None
    if master == "local":
        return 1
    match = re.fullmatch(r"local\[(\d+|\*)(?:, *\d+)?\]", master)
    if not match:
        return None
    return (os.cpu_count() or 1) if match[1] == "*" else int(match[1])
