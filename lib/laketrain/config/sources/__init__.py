"""Where raw data comes from: files, which are copied as they are, or servers, whose rows Spark lands as Parquet.

    sources:
      pixels: {format: csv, path: ../landing/pixels/*.csv, schema: {digit_id: string, pixels: string}}
      events: {format: kafka, servers: "broker:9092", topics: [events], schema: {id: string, value: double}}

One file a kind; `format` chooses among them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from laketrain.config.sources.base import ELSEWHERE, RESERVED, BaseSource, ServerSource
from laketrain.config.sources.files import FIXED, MAX_FILE_MB, MEDIA, OURS, Drift, Source
from laketrain.config.sources.kafka import KafkaSource
from laketrain.config.sources.tables import ConnectorSource, JdbcSource, TableSource

__all__ = ["FIXED", "MAX_FILE_MB", "MEDIA", "OURS", "RESERVED", "AnySource", "BaseSource", "ConnectorSource", "Drift",
           "JdbcSource", "KafkaSource", "ServerSource", "Source", "TableSource"]


def _kind(source: Any) -> str:
    """The kind of a source, as parsed or as it stands in the file."""
    if isinstance(source, BaseSource):
        return source.tag
    form = source.get("format") if isinstance(source, dict) else None
    return ELSEWHERE.get(form, Source.tag) if isinstance(form, str) else Source.tag


AnySource = Annotated[
    Annotated[Source, Tag("files")] | Annotated[KafkaSource, Tag("kafka")]
    | Annotated[JdbcSource, Tag("jdbc")] | Annotated[ConnectorSource, Tag("connector")],
    Discriminator(_kind),
]
