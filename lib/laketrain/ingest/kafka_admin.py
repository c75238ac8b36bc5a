"""Queries the brokers about topics, with Kafka's AdminClient, which is a dependency of Spark's connector.

    with KafkaAdmin(spark, "events", source) as admin:
        admin.cluster_id(), admin.topics()       # {"events": Topic(id, {0: (first, end), …})}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError, LaunchError, nearest
from laketrain.ingest.offsets import Topic, TopicPartition
from laketrain.ingest.rows import require_secrets
from laketrain.spark.connectors import connectors_of
from laketrain.spark.packages import missing_package_hint

_PROVIDER = "org.apache.spark.sql.kafka010.KafkaSourceProvider"
_CLIENT = "org.apache.kafka.clients.admin.Admin"
_TIMEOUT_MS = 20_000
"""How long brokers may take to reply, unless the source's options set `default.api.timeout.ms`."""
T = TypeVar("T")


class KafkaAdmin:
    """A connection of the driver to a source's brokers. Use it as a context manager.

    Raises LaunchError where Spark has no connector for Kafka; DataError where no broker replies, where a topic doesn't
    exist, and where a secret isn't in the environment.
    """

    def __init__(self, spark: SparkSession, name: str, source: KafkaSource) -> None:
        jvm: Any = spark._jvm
        self._jvm = jvm
        self._name, self._source = name, source
        _require_connector(spark.version, self._jvm, name)
        require_secrets(name, source)
        settings = self._jvm.java.util.HashMap()
        for key, value in {"default.api.timeout.ms": _TIMEOUT_MS, "request.timeout.ms": _TIMEOUT_MS // 2,
                           **source.client()}.items():
            settings.put(key, str(value))
        with self._translate_errors():
            self._admin: Any = self._jvm.org.apache.kafka.clients.admin.Admin.create(settings)

    def cluster_id(self) -> str:
        """The id of the cluster."""
        return self._request(lambda: str(self._admin.describeCluster().clusterId().get()))

    def topics(self) -> dict[str, Topic]:
        """The source's topics by name. Raises DataError, with the nearest name, where one doesn't exist."""
        names = self._request(lambda: [str(topic) for topic in self._admin.listTopics().names().get()])
        for topic in self._source.topics:
            if topic not in names:
                raise DataError("ingest", f"source {self._name!r}", f"the topic {topic!r} doesn't exist at "
                                f"{self._source.servers}, or access to it is denied", nearest(topic, names))
        return self._request(self._describe_topics)

    def __enter__(self) -> KafkaAdmin:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._admin.close(self._jvm.java.time.Duration.ofSeconds(1))

    def _describe_topics(self) -> dict[str, Topic]:
        names = self._jvm.java.util.ArrayList()
        for topic in self._source.topics:
            names.add(topic)
        described = self._admin.describeTopics(names).allTopicNames().get()
        ids = {topic: str(described.get(topic).topicId().toString()) for topic in self._source.topics}
        topic_partition = self._jvm.org.apache.kafka.common.TopicPartition
        partitions = {(topic, int(info.partition())): topic_partition(topic, info.partition())
                      for topic in self._source.topics for info in described.get(topic).partitions()}
        spec = self._jvm.org.apache.kafka.clients.admin.OffsetSpec
        # The ends first: in the other order, new messages and deletions in between could make a first exceed its end.
        ends, firsts = self._offsets(partitions, spec.latest()), self._offsets(partitions, spec.earliest())
        return {topic: Topic(ids[topic], {number: (min(firsts[topic, number], ends[topic, number]), ends[topic, number])
                                          for other, number in sorted(partitions) if other == topic}) for topic in ids}

    def _offsets(self, partitions: dict[TopicPartition, Any], spec: Any) -> dict[TopicPartition, int]:
        request = self._jvm.java.util.HashMap()
        for partition in partitions.values():
            request.put(partition, spec)
        level = self._source.client()["isolation.level"].upper()
        options = self._jvm.org.apache.kafka.clients.admin.ListOffsetsOptions(
            self._jvm.org.apache.kafka.common.IsolationLevel.valueOf(level))
        result = self._admin.listOffsets(request, options)
        return {key: int(result.partitionResult(partition).get().offset()) for key, partition in partitions.items()}

    def _request(self, request: Callable[[], T]) -> T:
        with self._translate_errors():
            return request()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except Py4JJavaError as error:
            kind, message = _root_cause(error.java_exception)
            reason = "no broker answered in time" if kind == "TimeoutException" else f"{kind}: {message}"
            raise DataError("ingest", f"source {self._name!r}", f"{self._source.servers} can't be queried: {reason}",
                            "check 'servers', that brokers run there and advertise addresses that can be reached from "
                            "here, and the client's security settings under 'options'") from error


def _require_connector(spark_version: str, jvm: Any, name: str) -> None:
    """Raises LaunchError where Spark's connector, or Kafka's client that it depends on, is missing."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for class_name in (_PROVIDER, _CLIENT):
        try:
            jvm.java.lang.Class.forName(class_name, False, loader)
        except Py4JJavaError as error:
            raise LaunchError("ingest", f"source {name!r}", f"Spark's connector for Kafka is not in this session "
                              f"({class_name.rpartition('.')[2]} is missing)",
                              missing_package_hint(connectors_of(spark_version).kafka)) from error


def _root_cause(error: Any) -> tuple[str, str]:
    """The class and the first line of the message of the root cause."""
    while error.getCause() is not None:
        error = error.getCause()
    return str(error.getClass().getSimpleName()), str(error.getMessage() or "").splitlines()[0] if error.getMessage() \
        else ""
