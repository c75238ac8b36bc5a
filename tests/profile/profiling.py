"""Profiles of small tables, for tests: rows into a lake, their profile out, seen as one or as many parts.

    profile = profile_of(spark, lake, rows, "x int, y string")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.lake import Lake, Version
from laketrain.profile.model import TableProfile, load_profile

from ..tables import commit_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Rows = Sequence[Mapping[str, Any]]


def profile_of(spark: SparkSession, lake: Lake, rows: Rows, columns: str, *, files: int = 1,
               name: str = "table") -> TableProfile:
    """Of the rows, committed as a new version of `clean/<name>`."""
    return load_profile(profiled(spark, commit_table(lake, name, rows, columns, files=files)))


def profiled(spark: SparkSession, table: Version) -> Version:
    from laketrain.profile.stage import profile

    return profile(spark, table)


def in_executors(monkeypatch: pytest.MonkeyPatch, tasks: int = 16) -> None:
    """Has even small tables looked at where their rows are; what more than `tasks` tasks find is merged there."""
    from laketrain.profile import stage

    monkeypatch.setattr(stage, "_DRIVER_BYTES", -1)
    monkeypatch.setattr(stage, "_MAX_RESULTS", tasks)
