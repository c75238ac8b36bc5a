"""Kafka topics: each message is landed once, as a row of Parquet.

    sources:
      events:
        format: kafka
        servers: broker-1:9092,broker-2:9092
        topics: [events]
        schema: {id: string, at: timestamp, value: double}
        keep: [timestamp]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from laketrain.config.sources.base import Options, ServerSource
from laketrain.config.sql.types import SparkType
from laketrain.errors import nearest

KEPT: Mapping[str, str] = {
    "key": "string", "topic": "string", "partition": "int", "offset": "bigint", "timestamp": "timestamp",
    "headers": "array<struct<key:string,value:binary>>",
}
"""The fields of a message besides its value, each with its type in the table."""

_VALUES: Mapping[str, dict[str, str]] = {"text": {"text": "string"}, "bytes": {"value": "binary"}}
_SPARK_OPTIONS = ("minPartitions", "maxRecordsPerPartition", "kafkaConsumer.pollTimeoutMs", "fetchOffset.numRetries",
           "fetchOffset.retryIntervalMs", "groupIdPrefix")
"""Options of Spark's reader; all others are the Kafka client's."""
_REPLACED_OPTIONS: Mapping[str, str] = {
    "bootstrap.servers": "servers", "subscribe": "topics", "subscribepattern": "topics", "assign": "topics",
    "startingoffsets": "start", "endingoffsets": "max_messages", "startingtimestamp": "start",
    "endingtimestamp": "max_messages", "failondataloss": "lost", "auto.offset.reset": "start",
    "maxoffsetspertrigger": "max_messages",
}
"""Options with which Spark or Kafka would choose messages, each with the key to use instead."""
_RESERVED_OPTIONS = ("group.id", "enable.auto.commit", "key.deserializer", "value.deserializer", "interceptor.classes",
          "includeheaders")
_SECRET = re.compile(r"passw|secret|jaas|token|ssl\.(key|keystore|truststore)\.(key|certificate)", re.IGNORECASE)

Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)]


class KafkaSource(ServerSource):
    """Kafka topics, whose messages ingest lands as Parquet in `raw/<name>`, each once.

    See [streams](../how-to/streams.md).
    """

    tag: ClassVar[str] = "kafka"

    format: Literal["kafka"]
    """The Spark session needs the Kafka connector, see [streams](../how-to/streams.md#the-connector)."""
    declared: Annotated[dict[str, SparkType], Field(min_length=1)] | None = Field(default=None, alias="schema")
    """The fields of the JSON that become columns, each with its Spark SQL type; as for JSON files, string is
    recommended."""
    servers: str = Field(min_length=1)
    """The bootstrap servers, as host:port, separated by commas."""
    topics: list[Topic] = Field(min_length=1)
    """The names of the topics."""
    value: Literal["json", "text", "bytes"] = "json"
    """The format of a message's value: a JSON object, whose fields `schema` declares; text, which becomes the column
    `text`; or bytes, which become the column `value`."""
    keep: list[Literal["key", "topic", "partition", "offset", "timestamp", "headers"]] = Field(default_factory=list)
    """Other fields of a message that become columns. The key is read as UTF-8."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where to start with a topic that no earlier version has landed: at the oldest message, or only with messages
    after the first run."""
    lost: Literal["fail", "ok"] = "fail"
    """What happens if messages were deleted before they were landed: `fail`, or `ok`: count them as lost and land the
    others."""
    max_messages: int = Field(default=1_000_000, ge=1)
    """The approximate maximum of messages in one version. A run lands as many versions as it needs."""
    options: Options = Field(default_factory=dict)
    """Settings of the Kafka client by their names there, e.g. {security.protocol: SASL_SSL}, and options of Spark's
    reader such as `minPartitions`. Secret settings belong in `secrets`, e.g. {sasl.jaas.config: KAFKA_JAAS}."""

    @property
    def columns(self) -> dict[str, str]:
        return {**(self.declared or _VALUES[self.value]), **{name: KEPT[name] for name in self.keep}}

    @property
    def reading(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"format", "declared", "value", "keep"})

    def client(self) -> dict[str, str]:
        """The Kafka client's settings, including secrets."""
        options = {name.removeprefix("kafka."): value for name, value in self.options.items()
                   if name not in _SPARK_OPTIONS}
        plain = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()}
        return {"isolation.level": "read_committed", **plain, "bootstrap.servers": self.servers,
                **self.secret_options()}

    def spark(self) -> dict[str, str]:
        """The same settings as options of Spark's reader, with its own options."""
        return {**{f"kafka.{name}": value for name, value in self.client().items()},
                **{name: str(value) for name, value in self.options.items() if name in _SPARK_OPTIONS}}

    @field_validator("servers")
    @classmethod
    def _addresses(cls, servers: str) -> str:
        for server in servers.split(","):
            if not re.fullmatch(r"\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*", server):
                raise ValueError(f"received {server.strip()[:60]!r} among the servers, expected host:port, e.g. "
                                 "broker-1:9092,broker-2:9092")
        return ",".join(server.strip() for server in servers.split(","))

    @field_validator("topics")
    @classmethod
    def _each_once(cls, topics: list[str]) -> list[str]:
        twice = next((topic for topic in topics if topics.count(topic) > 1), None)
        if twice is not None:
            raise ValueError(f"received the topic {twice!r} twice", "Name it once")
        return topics

    @field_validator("options")
    @classmethod
    def _choose_nothing(cls, options: Options) -> Options:
        for name in options:
            plain = name.removeprefix("kafka.").lower()
            if plain in _REPLACED_OPTIONS:
                raise ValueError(f"received the option {name!r}, which laketrain sets itself",
                                 f"Use the source's {_REPLACED_OPTIONS[plain]!r}")
            if plain in _RESERVED_OPTIONS:
                raise ValueError(f"received the option {name!r}, which laketrain sets itself", "Remove it")
            if _SECRET.search(name):
                raise ValueError(f"received a value for {name!r} (not shown: it is a secret)",
                                 "Put it in the environment and its variable's name under 'secrets', e.g. "
                                 f"secrets: {{{name}: KAFKA_SECRET}}")
            _refuse_misspelt(name)
        return options

    @model_validator(mode="after")
    def _fits_the_value(self) -> KafkaSource:
        if self.value == "json" and self.declared is None:
            raise ValueError("the key 'schema' is missing",
                             "Give each field of the JSON its type, e.g. schema: {id: string, value: double}")
        if self.value != "json" and self.declared is not None:
            raise ValueError(f"received a schema for messages of {self.value}, whose column is "
                             f"{next(iter(_VALUES[self.value]))!r}", "Remove 'schema'")
        declared = {name.lower(): name for name in self.declared or ()}
        clash = next((name for name in self.keep if name in declared), None)
        if clash is not None:
            raise ValueError(f"received {clash!r} under keep, but the schema has a column {declared[clash]!r} too",
                             "Leave one of them out")
        return self


def _refuse_misspelt(name: str) -> None:
    """Refuses a Spark option in wrong case: it would be passed to Kafka, which ignores it."""
    same = next((option for option in _SPARK_OPTIONS if option.lower() == name.lower() and option != name), None)
    if same is not None:
        raise ValueError(f"received the option {name!r}", nearest(name, _SPARK_OPTIONS))
