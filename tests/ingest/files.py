"""Helpers for tests of sources of files."""

from __future__ import annotations

from pathlib import Path

from laketrain.config.sources import FileSource
from laketrain.ingest import ingest, plan_ingest
from laketrain.lake import Lake, Version


def source(path: object, **settings: object) -> FileSource:
    return FileSource.model_validate({"format": "csv", "path": str(path), "schema": {"a": "string"}, **settings})


def landing(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def ingest_incremental(folder: Path, lake: Lake, **settings: object) -> Version:
    """One run over an incremental source."""
    raw = lake.table("raw", "pixels")
    plan, key = plan_ingest("pixels", source(folder, incremental=True, **settings), raw.latest())
    return raw.find(key) or ingest(lake, "pixels", plan, key)
