"""Small tables through the real stages, for tests: land files, clean them, read back what is in a version.

    cleaned = clean_files(spark, tmp_path, {"a.csv": "id\\n1\\n"}, rules=[{"cast": {"column": "id", "to": "int"}}])
    cleaned.rows, cleaned.refused
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.config.clean import CleanTable
from laketrain.config.sources import FileSource
from laketrain.lake import Lake, Version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType


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
    """All rows of a table's version, read by pyarrow; instants are in UTC, without a zone."""
    assert version is not None
    files = [file for file in version.entry.files if file.path.endswith(".parquet")]
    tables = [pq.read_table(version.lake.store.open(version.path(file.path))) for file in files]
    schemas = [pa.schema([field.with_type(naive(field.type)) for field in table.schema]) for table in tables]
    return [row for table, schema in zip(tables, schemas, strict=True) for row in table.cast(schema).to_pylist()]


def naive(kind: pa.DataType) -> pa.DataType:
    """The type with times without a zone."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(naive(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(naive(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, kind.item_field.with_type(naive(kind.item_type)))
    return kind


def land_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes `files` into `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def source_of(
    path: Path, columns: Mapping[str, str], form: str = "csv", options: Mapping[str, Any] | None = None
) -> FileSource:
    """A source declared as in YAML; CSV has a header."""
    read_options = {"header": True} if form == "csv" and options is None else dict(options or {})
    return FileSource.model_validate(
        {"format": form, "path": str(path), "schema": dict(columns), "options": read_options})


def ingest_files(folder: Path, files: Mapping[str, str | bytes], source: FileSource) -> Version:
    """Replaces `folder`/landing by `files` and ingests them as `raw/table` of the lake `folder`/lake."""
    shutil.rmtree(folder / "landing", ignore_errors=True)
    land_files(folder / "landing", files)
    return ingest_source(folder, source)


def ingest_source(folder: Path, source: FileSource) -> Version:
    """Ingests the files there as `raw/table` of the lake `folder`/lake."""
    from laketrain.ingest import ingest, plan_ingest

    plan, key = plan_ingest("table", source)
    return ingest(Lake(str(folder / "lake")), "table", plan, key)


def clean_files(
    spark: SparkSession, folder: Path, files: Mapping[str, str | bytes], *, columns: Mapping[str, str],
    rules: Sequence[Mapping[str, Any]] = (), form: str = "csv", options: Mapping[str, Any] | None = None,
    allowed: float = 1.0,
) -> Cleaned:
    """Lands `files`, ingests them, cleans them by `rules`, in the lake `folder`/lake."""
    from laketrain.clean import clean, fingerprint_clean

    source = source_of(folder / "landing", columns, form, options)
    raw = ingest_files(folder, files, source)
    table = CleanTable.model_validate({"max_reject_fraction": allowed, "rules": list(rules)})
    version = clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))
    return Cleaned(version, rows_of(version), rows_of(raw.lake.table("quarantine", "table").latest()))


def arrow_schema(schema: StructType) -> pa.Schema:
    """The Arrow schema as which Spark sends rows of `schema` to Python."""
    from laketrain.spark.arrow_types import arrow_type

    return pa.schema([pa.field(field.name, arrow_type(field.dataType), field.nullable) for field in schema])


def commit_table(lake: Lake, name: str, rows: Sequence[Mapping[str, Any]], columns: str, *, zone: str = "clean",
                 files: int = 1) -> Version:
    """Commits `rows` in `files` Parquet files as a stage would; `columns` is Spark's DDL. Needs a running session."""
    from pyspark.sql.types import StructType

    schema = StructType.fromDDL(columns)
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(schema))
    ends = [number * len(rows) // files for number in range(files + 1)]
    with lake.table(zone, name).stage() as draft:
        for number in range(files):
            content = io.BytesIO()
            pq.write_table(table.slice(ends[number], ends[number + 1] - ends[number]), content)
            lake.store.write(draft.path(f"part-{number:05d}.parquet"), content.getvalue())
        return draft.commit(stage=zone, table_schema=schema.json())


def csv_of(rows: Sequence[Mapping[str, str]]) -> str:
    """A CSV file of `rows`, which share their columns; every value in quotes."""
    lines = [",".join(f'"{value}"' for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines]) + "\n"
