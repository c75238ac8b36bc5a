"""Topics of Kafka: each message lands once, as a row of Parquet.

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
"""What a message has beside its value, by the type that it has in the table."""

_VALUES: Mapping[str, dict[str, str]] = {"text": {"text": "string"}, "bytes": {"value": "binary"}}
_SPARKS = ("minPartitions", "maxRecordsPerPartition", "kafkaConsumer.pollTimeoutMs", "fetchOffset.numRetries",
           "fetchOffset.retryIntervalMs", "groupIdPrefix")
"""Options that are Spark's own; all others are the Kafka client's."""
_OURS: Mapping[str, str] = {
    "bootstrap.servers": "servers", "subscribe": "topics", "subscribepattern": "topics", "assign": "topics",
    "startingoffsets": "start", "endingoffsets": "max_messages", "startingtimestamp": "start",
    "endingtimestamp": "max_messages", "failondataloss": "lost", "auto.offset.reset": "start",
    "maxoffsetspertrigger": "max_messages",
}
"""Options by which Spark or Kafka would choose messages, each with the key that does."""
_NEVER = ("group.id", "enable.auto.commit", "key.deserializer", "value.deserializer", "interceptor.classes",
          "includeheaders")
_SECRET = re.compile(r"passw|secret|jaas|token|ssl\.(key|keystore|truststore)\.(key|certificate)", re.IGNORECASE)

Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)]


class KafkaSource(ServerSource):
    """Topics of Kafka, whose messages ingest lands as Parquet in `raw/<name>`, each once.

    See [streams](../how-to/streams.md).
    """

    tag: ClassVar[str] = "kafka"

    format: Literal["kafka"]
    """The Spark session needs its connector, see [streams](../how-to/streams.md#the-connector)."""
    declared: Annotated[dict[str, SparkType], Field(min_length=1)] | None = Field(default=None, alias="schema")
    """Each field of the JSON that becomes a column, with its Spark SQL type; as with files of JSON, the honest choice
    is string."""
    servers: str = Field(min_length=1)
    """The brokers to ask first, as host:port with commas between."""
    topics: list[Topic] = Field(min_length=1)
    """The topics, by name."""
    value: Literal["json", "text", "bytes"] = "json"
    """What a message's value is: an object of JSON, whose fields `schema` declares; text, which becomes the column
    `text`; or bytes, as they are, which become the column `value`."""
    keep: list[Literal["key", "topic", "partition", "offset", "timestamp", "headers"]] = Field(default_factory=list)
    """What else of a message becomes a column. The key is read as UTF-8."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a topic is begun that no earlier version has landed: with the oldest message that is there, or with those
    that come after the first run."""
    lost: Literal["fail", "ok"] = "fail"
    """What happens where messages were deleted before they were landed: an error; or they are counted as lost, and
    those that are there are landed."""
    max_messages: int = Field(default=1_000_000, ge=1)
    """About how many messages one version takes at most. A run lands as many versions as it needs."""
    options: Options = Field(default_factory=dict)
    """The Kafka client's settings by its own names, e.g. {security.protocol: SASL_SSL}; Spark's, such as
    `minPartitions`, too. A secret one stands under `secrets`, e.g. {sasl.jaas.config: KAFKA_JAAS}."""

    @property
    def columns(self) -> dict[str, str]:
        return {**(self.declared or _VALUES[self.value]), **{name: KEPT[name] for name in self.keep}}

    @property
    def reading(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"format", "declared", "value", "keep"})

    def client(self) -> dict[str, str]:
        """The Kafka client's settings, secrets among them."""
        given = {name.removeprefix("kafka."): value for name, value in self.options.items() if name not in _SPARKS}
        plain = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
        return {"isolation.level": "read_committed", **plain, "bootstrap.servers": self.servers,
                **self.secret_options()}

    def spark(self) -> dict[str, str]:
        """The same as Spark's reader takes them, with its own."""
        return {**{f"kafka.{name}": value for name, value in self.client().items()},
                **{name: str(value) for name, value in self.options.items() if name in _SPARKS}}

    @field_validator("servers")
    @classmethod
    def _addresses(cls, servers: str) -> str:
        for one in servers.split(","):
            if not re.fullmatch(r"\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*", one):
                raise ValueError(f"received {one.strip()[:60]!r} among the servers, expected host:port, e.g. "
                                 "broker-1:9092,broker-2:9092")
        return ",".join(one.strip() for one in servers.split(","))

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
            if plain in _OURS:
                raise ValueError(f"received the option {name!r}, which laketrain sets itself",
                                 f"Use the source's {_OURS[plain]!r}")
            if plain in _NEVER:
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
    """Spark's options are told by their names, so one with other capitals would be given to Kafka, which ignores it."""
    same = next((known for known in _SPARKS if known.lower() == name.lower() and known != name), None)
    if same is not None:
        raise ValueError(f"received the option {name!r}", nearest(name, _SPARKS))
