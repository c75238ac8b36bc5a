"""Sources of raw data: files, which are copied unchanged, or servers, whose rows Spark lands as Parquet.

    sources:
      pixels: {format: csv, path: ../landing/pixels/*.csv, schema: {digit_id: string, pixels: string}}
      events: {format: kafka, servers: "broker:9092", topics: [events], schema: {id: string, value: double}}

Each kind of source has a module; `format` chooses the kind.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from laketrain.config.sources.base import EXTERNAL_FORMATS, RESERVED, BaseSource, ServerSource
from laketrain.config.sources.files import FIXED, MAX_FILE_MB, MEDIA, OURS, Drift, FileSource
from laketrain.config.sources.kafka import KafkaSource
from laketrain.config.sources.tables import ConnectorSource, JdbcSource, TableSource

__all__ = ["FIXED", "MAX_FILE_MB", "MEDIA", "OURS", "RESERVED", "AnySource", "BaseSource", "ConnectorSource", "Drift",
           "FileSource", "JdbcSource", "KafkaSource", "ServerSource", "TableSource"]


def _kind(source: Any) -> str:
    """The kind of a source, parsed or not."""
    if isinstance(source, BaseSource):
        return source.tag
    name = source.get("format") if isinstance(source, dict) else None
    return EXTERNAL_FORMATS.get(name, FileSource.tag) if isinstance(name, str) else FileSource.tag


AnySource = Annotated[
    Annotated[FileSource, Tag("files")] | Annotated[KafkaSource, Tag("kafka")]
    | Annotated[JdbcSource, Tag("jdbc")] | Annotated[ConnectorSource, Tag("connector")],
    Discriminator(_kind),
]
