"""Reads XML files as a source of clean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.config.clean import CleanTable
from laketrain.config.sources import FileSource

from ....tables import Cleaned, ingest_files, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROLOG = '<?xml version="1.0" encoding="{}"?>'


def cleaned(spark: SparkSession, folder: Path, files: Mapping[str, str | bytes] | str, schema: Any = "infer",
            drift: Mapping[str, str] | None = None, **options: Any) -> Cleaned:
    from laketrain.clean import clean, fingerprint_clean

    source = FileSource.model_validate({"format": "xml", "path": str(folder / "landing"), "schema": schema,
                                        "options": {"rowTag": "b", **options}, "drift": drift or {}})
    raw = ingest_files(folder, {"a.xml": files} if isinstance(files, str) else files, source)
    table = CleanTable.model_validate({"max_reject_fraction": 1.0})
    version = clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))
    return Cleaned(version, rows_of(version), rows_of(raw.lake.table("quarantine", "table").latest()))


def refusals(table: Cleaned) -> list[tuple[str, str]]:
    return [(row["record"], row["reason"]) for row in table.refused]
