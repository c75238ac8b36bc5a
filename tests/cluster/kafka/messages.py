"""Topics of a real broker for tests: made, written, cut, and read back from a lake.

    topic = Messages(spark, kafka.servers, "events").make(partitions=3)
    topic.send(range(100))                     # {"id": "0"} … {"id": "99"}
    landed(lake, "events")                     # (partition, offset, value) of all that raw/events holds
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from pyspark.sql import functions as F

from laketrain.lake import Lake, appends

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Messages:
    """A topic. The session must have Spark's connector."""

    spark: SparkSession
    servers: str
    topic: str

    def make(self, partitions: int = 3, **settings: str) -> Messages:
        """Makes the topic, with Kafka's own settings of it."""
        jvm: Any = self.spark._jvm
        new = jvm.org.apache.kafka.clients.admin.NewTopic(self.topic, partitions, 1)
        new.configs({name.replace("_", "."): value for name, value in settings.items()})
        self._admin(lambda admin: admin.createTopics(jvm.java.util.Collections.singletonList(new)).all().get())
        return self

    def delete(self) -> None:
        jvm: Any = self.spark._jvm
        self._admin(lambda admin: admin.deleteTopics(
            jvm.java.util.Collections.singletonList(self.topic)).all().get())

    def cut(self, partition: int, before: int) -> None:
        """Deletes the messages before an offset, as retention does."""
        jvm: Any = self.spark._jvm
        partition_of_topic = jvm.org.apache.kafka.common.TopicPartition(self.topic, partition)
        self._admin(lambda admin: admin.deleteRecords(
            jvm.java.util.Collections.singletonMap(partition_of_topic, self._before_offset(before))).all().get())

    def _before_offset(self, offset: int) -> Any:
        """RecordsToDelete.beforeOffset(offset). It has a method of the same name that takes nothing, and Py4J calls
        whichever of both Java happens to name first."""
        gateway: Any = self.spark.sparkContext._gateway
        loader = gateway.jvm.java.lang.Thread.currentThread().getContextClassLoader()
        kind = gateway.jvm.java.lang.Class.forName("org.apache.kafka.clients.admin.RecordsToDelete", True, loader)
        [method] = [each for each in kind.getMethods()
                   if each.getName() == "beforeOffset" and each.getParameterCount() == 1]
        arguments = gateway.new_array(gateway.jvm.Object, 1)
        arguments[0] = offset
        return method.invoke(None, arguments)

    def send(self, numbers: range, partition: int | None = None) -> None:
        """A message {"id": "<number>"} for each, its key the number, spread over the partitions, or in order to one."""
        text = F.col("id").cast("string")
        frame = self.spark.range(numbers.start, numbers.stop, numPartitions=2 if partition is None else 1).select(
            text.alias("key"), F.to_json(F.struct(text.alias("id"))).alias("value"))
        self._write(frame if partition is None else frame.withColumn("partition", F.lit(partition)))

    def send_bytes(self, values: Iterable[bytes | None]) -> None:
        """These values, in their order, to partition 0."""
        rows = [(None if value is None else bytearray(value), 0) for value in values]
        self._write(self.spark.createDataFrame(rows, "value binary, partition int").coalesce(1))

    def send_in_transaction(self, numbers: range, commit: bool) -> None:
        """To partition 0, committed or taken back."""
        jvm: Any = self.spark._jvm
        text = "org.apache.kafka.common.serialization.StringSerializer"
        producer = jvm.org.apache.kafka.clients.producer.KafkaProducer({
            "bootstrap.servers": self.servers, "transactional.id": f"{self.topic}-test", "key.serializer": text,
            "value.serializer": text})
        try:
            producer.initTransactions()
            producer.beginTransaction()
            for number in numbers:
                producer.send(jvm.org.apache.kafka.clients.producer.ProducerRecord(
                    self.topic, jvm.java.lang.Integer(0), str(number), json.dumps({"id": str(number)})))
            producer.flush()
            producer.commitTransaction() if commit else producer.abortTransaction()
        finally:
            producer.close()

    def _write(self, frame: Any) -> None:
        """By a new producer: Spark would reuse one that has lost its broker."""
        frame.write.format("kafka").option("kafka.bootstrap.servers", self.servers).option(
            "kafka.client.id", uuid.uuid4().hex).option("topic", self.topic).save()

    def _admin(self, work: Any) -> None:
        jvm: Any = self.spark._jvm
        admin = jvm.org.apache.kafka.clients.admin.Admin.create({"bootstrap.servers": self.servers})
        try:
            work(admin)
        finally:
            admin.close()


def landed(lake: Lake, name: str) -> list[tuple[int, int, bytes | None]]:
    """Partition, offset and value of every message that the latest version holds, read without Spark."""
    latest = lake.table("raw", name).latest()
    assert latest is not None
    result: list[tuple[int, int, bytes | None]] = []
    for version in appends(latest):
        for file in version.entry.files:
            with lake.store.open(version.path(file.path)) as opened:
                table = pq.read_table(opened, columns=["partition", "offset", "value"])
            result += zip(*(column.to_pylist() for column in table.columns), strict=True)
    return result


def ids(lake: Lake, name: str) -> list[int]:
    """The numbers that `Messages.send` sent, as they have landed, in order. Each offset must be there once."""
    rows = landed(lake, name)
    assert len({(partition, offset) for partition, offset, _ in rows}) == len(rows)
    return sorted(int(json.loads(value or b"")["id"]) for _, _, value in rows)


def config_of(folder: Path, servers: str, topic: str, jars: Path | None = None, **settings: object) -> Path:
    """A workload that lands and cleans the topic into the lake `folder`/lake."""
    conf = {"spark.ui.enabled": False, "spark.driver.memory": "1g",
            **({"spark.jars": ",".join(map(str, sorted(jars.glob("*.jar"))))} if jars else {})}
    workload = {
        "name": "events", "lake": "lake", "spark": {"master": "local[2]", "conf": conf}, "profile": False,
        "sources": {"events": {"format": "kafka", "servers": servers, "topics": [topic], "schema": {"id": "string"},
                               **settings}},
        "clean": {"events": {"max_reject_fraction": 1.0}},
    }
    path = folder / "events.yaml"
    path.write_text(json.dumps(workload), "utf-8")
    return path
