"""Clean tables of a few rows, and the integrate stage over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.config.integrate import IntegrateTable
from laketrain.lake import Lake, Version

from ..tables import commit_table, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, tuple[Rows, str]]
"""By name: the rows, and their columns as Spark's DDL."""


@dataclass(frozen=True)
class Integrated:
    version: Version
    rows: list[dict[str, Any]]
    refused: list[dict[str, Any]]

    @property
    def counts(self) -> dict[str, Any]:
        return self.version.entry.counts

    @property
    def steps(self) -> list[dict[str, Any]]:
        return self.counts["steps"]

    @property
    def why(self) -> list[tuple[str, str, str]]:
        return sorted((row["file"], row["rule"], row["reason"]) for row in self.refused)

    def has(self, *columns: str) -> list[tuple[Any, ...]]:
        return sorted((tuple(row[column] for column in columns) for row in self.rows), key=str)


Integrate = Callable[..., Integrated]


@pytest.fixture
def integrate(spark: SparkSession, tmp_path: Path) -> Integrate:
    """Commits `tables` as clean ones, each in two files, and takes the steps from the first on."""
    from laketrain.integrate import fingerprint_integrate
    from laketrain.integrate import integrate as run

    def go(steps: Sequence[Mapping[str, Any]], tables: Tables, name: str = "digits", table: str = "") -> Integrated:
        lake = Lake(str(tmp_path / "lake"))
        committed = {one: commit_table(lake, one, rows, ddl, files=2) for one, (rows, ddl) in tables.items()}
        config = IntegrateTable.model_validate({"table": table or next(iter(tables)), "steps": list(steps)})
        used = {one: committed[one] for one in config.tables}
        version = run(spark, used, name, config, fingerprint_integrate(used, config))
        return Integrated(version, rows_of(version), rows_of(lake.table("quarantine", f"{name}-joins").latest()))

    return go
