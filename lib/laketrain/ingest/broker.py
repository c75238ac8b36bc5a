"""What the brokers tell of topics, asked by Kafka's own client, which Spark's connector brings with it.

    with Broker(spark, "events", source) as broker:
        broker.cluster(), broker.topics()        # {"events": Topic(id, {0: (first, end), …})}
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
from laketrain.ingest.offsets import Topic
from laketrain.ingest.rows import require_secrets
from laketrain.spark.packages import way_to_package

_PROVIDER = "org.apache.spark.sql.kafka010.KafkaSourceProvider"
_CLIENT = "org.apache.kafka.clients.admin.Admin"
_PATIENCE_MS = 20_000
"""How long brokers may take to answer, unless the source's options give `default.api.timeout.ms`."""
T = TypeVar("T")


class Broker:
    """A connection to a source's brokers, for the driver's questions.

    Raises LaunchError where Spark has no connector here, DataError where no broker answers, where a topic is unknown,
    or where a secret is not in the environment.
    """

    def __init__(self, spark: SparkSession, name: str, source: KafkaSource) -> None:
        jvm: Any = spark._jvm
        self._jvm = jvm
        self._name, self._source = name, source
        _require_connector(spark.version, self._jvm, name)
        require_secrets(name, source)
        settings = self._jvm.java.util.HashMap()
        for key, value in {"default.api.timeout.ms": _PATIENCE_MS, "request.timeout.ms": _PATIENCE_MS // 2,
                           **source.client()}.items():
            settings.put(key, str(value))
        with self._reached():
            self._admin: Any = self._jvm.org.apache.kafka.clients.admin.Admin.create(settings)

    def cluster(self) -> str:
        """The cluster's identity."""
        return self._asked(lambda: str(self._admin.describeCluster().clusterId().get()))

    def topics(self) -> dict[str, Topic]:
        """The source's topics. Raises DataError, with the nearest name, where there is none of a name."""
        there = self._asked(lambda: [str(topic) for topic in self._admin.listTopics().names().get()])
        for topic in self._source.topics:
            if topic not in there:
                raise DataError("ingest", f"source {self._name!r}", f"there is no topic {topic!r} at "
                                f"{self._source.servers}, or it may not be seen", nearest(topic, there))
        return self._asked(self._described)

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._admin.close(self._jvm.java.time.Duration.ofSeconds(1))

    def _described(self) -> dict[str, Topic]:
        names = self._jvm.java.util.ArrayList()
        for topic in self._source.topics:
            names.add(topic)
        described = self._admin.describeTopics(names).allTopicNames().get()
        ids = {topic: str(described.get(topic).topicId().toString()) for topic in self._source.topics}
        place_of = self._jvm.org.apache.kafka.common.TopicPartition
        places = {(topic, int(one.partition())): place_of(topic, one.partition())
                  for topic in self._source.topics for one in described.get(topic).partitions()}
        spec = self._jvm.org.apache.kafka.clients.admin.OffsetSpec
        # Asked in this order, messages that are deleted meanwhile don't make a partition seem to end before it begins.
        ends, firsts = self._offsets(places, spec.latest()), self._offsets(places, spec.earliest())
        return {topic: Topic(ids[topic], {number: (min(firsts[topic, number], ends[topic, number]), ends[topic, number])
                                          for other, number in sorted(places) if other == topic}) for topic in ids}

    def _offsets(self, places: dict[tuple[str, int], Any], spec: Any) -> dict[tuple[str, int], int]:
        asked = self._jvm.java.util.HashMap()
        for place in places.values():
            asked.put(place, spec)
        level = self._source.client()["isolation.level"].upper()
        options = self._jvm.org.apache.kafka.clients.admin.ListOffsetsOptions(
            self._jvm.org.apache.kafka.common.IsolationLevel.valueOf(level))
        answer = self._admin.listOffsets(asked, options)
        return {key: int(answer.partitionResult(place).get().offset()) for key, place in places.items()}

    def _asked(self, ask: Callable[[], T]) -> T:
        with self._reached():
            return ask()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except Py4JJavaError as error:
            kind, said = _cause(error.java_exception)
            why = "no broker answered in time" if kind == "TimeoutException" else f"{kind}: {said}"
            raise DataError("ingest", f"source {self._name!r}", f"{self._source.servers} can't be asked: {why}",
                            "check 'servers', that brokers run there and advertise addresses that can be reached from "
                            "here, and the client's security settings under 'options'") from error


def _require_connector(spark_version: str, jvm: Any, name: str) -> None:
    """Both of its parts: what Spark reads by, and Kafka's client, which comes with it as a dependency."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for wanted in (_PROVIDER, _CLIENT):
        try:
            jvm.java.lang.Class.forName(wanted, False, loader)
        except Py4JJavaError as error:
            raise LaunchError("ingest", f"source {name!r}", f"Spark's connector for Kafka is not in this session "
                              f"({wanted.rpartition('.')[2]} is missing)",
                              way_to_package(connector(spark_version))) from error


def connector(spark_version: str) -> str:
    """The coordinates of Spark's connector. Of Spark 4.0 the first, whose later ones lack parts in Maven's repository;
    they are the same code."""
    release = ".".join(spark_version.split(".")[:2])
    return f"org.apache.spark:spark-sql-kafka-0-10_2.13:{'4.0.0' if release == '4.0' else spark_version}"


def _cause(error: Any) -> tuple[str, str]:
    """The class and the message of what lies deepest."""
    while error.getCause() is not None:
        error = error.getCause()
    return str(error.getClass().getSimpleName()), str(error.getMessage() or "").splitlines()[0] if error.getMessage() \
        else ""
