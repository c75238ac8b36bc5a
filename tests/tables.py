"""Small tables through the real stages, for tests: land files, clean them, read back what is in a version.

    cleaned = clean_files(spark, tmp_path, {"a.csv": "id\\n1\\n"}, rules=[{"cast": {"column": "id", "to": "int"}}])
    cleaned.rows, cleaned.refused
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from laketrain.config.clean import CleanTable
from laketrain.config.sources import Source
from laketrain.lake import Lake, Version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Cleaned:
    """A clean version, its rows, and its quarantine's rows (file, rule, reason, record)."""

    version: Version
    rows: list[dict[str, Any]]
    refused: list[dict[str, Any]]

    @property
    def why(self) -> dict[str, str]:
        """Rule by the id of the refused record."""
        return {json.loads(row["record"])["id"]: row["rule"] for row in self.refused}


def rows_of(version: Version | None) -> list[dict[str, Any]]:
    """All rows of a table's version, read by pyarrow from the files that it names."""
    assert version is not None
    files = [file for file in version.entry.files if file.path.endswith(".parquet")]
    store = version.lake.store
    return [row for file in files for row in pq.read_table(store.local(version.path(file.path))).to_pylist()]


def land_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes `files` into `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def source_of(path: Path, columns: Mapping[str, str], form: str = "csv", options: Mapping[str, Any] | None = None) -> Source:
    """A source declared as in YAML; CSV has a header."""
    given = {"header": True} if form == "csv" and options is None else dict(options or {})
    return Source.model_validate({"format": form, "path": str(path), "schema": dict(columns), "options": given})


def clean_files(
    spark: SparkSession, folder: Path, files: Mapping[str, str | bytes], *, columns: Mapping[str, str],
    rules: Sequence[Mapping[str, Any]] = (), form: str = "csv", options: Mapping[str, Any] | None = None,
    allowed: float = 1.0,
) -> Cleaned:
    """Lands `files`, ingests them, cleans them by `rules`, in the lake `folder`/lake."""
    from laketrain.clean import clean, fingerprint_clean
    from laketrain.ingest import ingest, plan_ingest

    lake = Lake(str(folder / "lake"))
    source = source_of(land_files(folder / "landing", files), columns, form, options)
    landed, key = plan_ingest("table", source)
    raw = ingest(lake, "table", landed, key)
    table = CleanTable.model_validate({"max_reject_fraction": allowed, "rules": list(rules)})
    version = clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))
    return Cleaned(version, rows_of(version), rows_of(lake.table("quarantine", "table").latest()))


def csv_of(rows: Sequence[Mapping[str, str | None]]) -> str:
    """A CSV file of `rows`, every value in quotes; None is an empty field."""
    names = list(rows[0])
    lines = [",".join("" if row[name] is None else '"' + str(row[name]) + '"' for name in names) for row in rows]
    return "\n".join([",".join(names), *lines]) + "\n"
