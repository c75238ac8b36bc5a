"""Reads JSON lines in each way that the reader has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....tables import Cleaned, clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ODD = '[{"id":"odd"}]\n'
"""A line that makes the whole file be parsed line by line."""

WAYS = [(False, ""), (False, ODD), (True, "")]
"""`multiLine`, and other text in the file: read by Spark, line by line, or as whole files."""


def read(spark: SparkSession, folder: Path, lines: list[str], multiline: bool, more: str, columns: dict[str, str],
         **options: Any) -> Cleaned:
    return clean_files(spark, folder, {"a.json": "\n".join(lines) + "\n" + more}, columns=columns, form="json",
                       options={"multiLine": multiline, **options})


def by_id(table: Cleaned, column: str) -> dict[str, Any]:
    return {row["id"]: row[column] for row in table.rows if row["id"] != "odd"}
