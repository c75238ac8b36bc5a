"""The manifest of versions in `raw/`: ingest writes it, ingest and clean read it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from laketrain.lake.appends import APPENDS_TO, Ranges
from laketrain.lake.manifests.base import Manifest


class RawManifest(Manifest):
    """Where the files or rows of a raw version come from.

    Attributes:
        base: the URL that the names of files are relative to.
        sources: the URL of each file, by its path in the version.
        changed: what identifies the state of each file at the source, e.g. its modification time, by the same path.
        hidden: how many files of the source were skipped because of their names.
        kafka: the cluster, the topics and the offsets of their partitions (see `ingest.offsets`).
        table: the table, the column of `since` and its largest value (see `ingest.tables`).
        appends_to: the versions that this one appends to (see `lake.appends`).
    """

    base: str = ""
    sources: dict[str, str] = Field(default_factory=dict)
    changed: dict[str, str] = Field(default_factory=dict)
    hidden: int = 0
    kafka: dict[str, Any] | None = None
    table: dict[str, Any] | None = None
    appends_to: Ranges = Field(default_factory=list, alias=APPENDS_TO)
