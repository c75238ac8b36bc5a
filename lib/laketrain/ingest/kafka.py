"""Ingests messages of Kafka as rows, each exactly once, even if runs are killed, repeated or concurrent.

    for version in ingest_kafka(spark, lake, "events", source): version.entry.counts["rows"]

The offsets are in the entry that commits the rows, so both are committed atomically, and the next run starts where the
latest version ends. There is no separate checkpoint that could disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError
from laketrain.ingest.kafka_admin import KafkaAdmin
from laketrain.ingest.offsets import (
    CommittedOffsets,
    OffsetRange,
    Topic,
    TopicPartition,
    next_ranges,
    offsets_to_meta,
    start_offsets,
)
from laketrain.ingest.rows import RowsPlan, ingest_next
from laketrain.lake import Lake, Version, fingerprint
from laketrain.lake.appends import ranges_up_to
from laketrain.lake.manifests import RawManifest

REVISION = 1
_FILE_ROWS = 50_000
"""A version has a file for each so many messages: a topic of many partitions brings few messages of each at a time."""


def ingest_kafka(spark: SparkSession, lake: Lake, name: str, source: KafkaSource) -> Iterator[Version]:
    """Ingests what the topics contain now, and yields each version as it is committed; none where there is nothing new.

    If another job ingests the same messages meanwhile, it continues from that job's version.

    Raises:
        LaunchError: Spark has no connector for Kafka.
        DataError: the brokers can't be reached, a topic is missing, or messages were lost.
    """
    table, goal = lake.table("raw", name), dict[TopicPartition, int]()
    with KafkaAdmin(spark, name, source) as admin:

        def plan() -> RowsPlan | None:
            topics = admin.topics()
            if not goal:
                goal.update({(topic_name, number): end for topic_name, topic in topics.items()
                             for number, (_, end) in topic.ranges.items()})
            return plan_kafka(name, source, table.latest(), admin.cluster_id(), topics, goal)

        while (version := ingest_next(spark, lake, name, plan)) is not None:
            yield version


def plan_kafka(name: str, source: KafkaSource, latest: Version | None, cluster: str, topics: Mapping[str, Topic],
               goal: Mapping[TopicPartition, int]) -> RowsPlan | None:
    """Plans the next version towards `goal`; None if that is reached.

    The version may have no rows, if partitions start elsewhere than the latest version ends: the first version, a new
    topic, lost messages. It records where they start, so that later runs start there too.

    Raises DataError where messages were lost.
    """
    committed = CommittedOffsets.of(latest)
    begin = start_offsets(name, source, committed, cluster, topics)
    ranges = next_ranges(begin.starts, goal, source.max_messages)
    is_empty = all(start == end for start, end in ranges.values())
    if committed is not None and committed.continues_at(begin, topics) and is_empty:
        return None
    offsets = offsets_to_meta(cluster, topics, ranges, committed)
    lost = {"lost": sum(begin.lost.values())} if begin.lost else {}
    return RowsPlan(
        key=fingerprint("ingest", REVISION, offsets, [latest] if latest else []),
        frame=partial(_read, source, ranges),
        check=partial(_check, name, ranges, lost),
        manifest=RawManifest(kafka=offsets, appends_to=ranges_up_to(latest) if latest and committed else []),
        after=latest.number if latest else 0,
    )


def _read(source: KafkaSource, ranges: Mapping[TopicPartition, OffsetRange], spark: SparkSession) -> DataFrame:
    """The messages of the ranges, unparsed."""
    options = {
        **source.spark(), "includeHeaders": "true", "failOnDataLoss": "true",
        "assign": json.dumps({topic: [number for other, number in ranges if other == topic] for topic, _ in ranges}),
        "startingOffsets": _by_topic({partition: start for partition, (start, _) in ranges.items()}),
        "endingOffsets": _by_topic({partition: end for partition, (_, end) in ranges.items()}),
    }
    rows = spark.read.format("kafka").options(**options).load().select(
        "key", "value", "topic", "partition", "offset", "timestamp", "headers")
    files = max(1, -(-sum(end - start for start, end in ranges.values()) // _FILE_ROWS))
    return rows.coalesce(files) if files < len(ranges) else rows


def _by_topic(offsets: Mapping[TopicPartition, int]) -> str:
    """The offsets in Spark's JSON format: {"events": {"0": 1200}}."""
    by_topic: dict[str, dict[str, int]] = {}
    for (topic, number), offset in offsets.items():
        by_topic.setdefault(topic, {})[str(number)] = offset
    return json.dumps(by_topic)


def _check(name: str, ranges: Mapping[TopicPartition, OffsetRange], lost: Mapping[str, int], rows: DataFrame
           ) -> dict[str, Any]:
    """Checks that the rows are within the ranges, and returns the counts for the entry.

    Offsets without a message aren't losses: compacted topics and transactions leave them. The connector itself reports
    messages that are lost while it reads.
    """
    received = {(row["topic"], row["partition"]): row for row in rows.groupBy("topic", "partition").agg(
        F.count("offset").alias("rows"), F.min("offset").alias("first"), F.max("offset").alias("last")).collect()}
    for partition, row in received.items():
        start, end = ranges.get(partition, (0, 0))
        if not start <= row["first"] <= row["last"] < end or row["rows"] > end - start:
            raise DataError("ingest", f"source {name!r}", f"asked for the offsets {start} to {end} of partition "
                            f"{partition[1]} of topic {partition[0]!r}, received {row['rows']} messages from "
                            f"{row['first']} to {row['last']}", "run it again; nothing was committed")
    offsets, messages = sum(end - start for start, end in ranges.values()), sum(
        row["rows"] for row in received.values())
    return {"offsets": offsets, **({"without_message": offsets - messages} if offsets != messages else {}), **lost}
