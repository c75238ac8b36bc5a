"""Messages of Kafka land as rows, each once, however often a run is killed, repeated, or run twice at a time.

    for version in ingest_kafka(spark, lake, "events", source): version.entry.counts["rows"]

The offsets stand in the version's entry, so rows and offsets are committed at one instant, and the next run begins
where the latest version ends. There is no checkpoint beside the lake that could say something else.
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
from laketrain.ingest.broker import Broker
from laketrain.ingest.offsets import META, Landed, Place, Span, Topic, next_spans, starts, told
from laketrain.ingest.rows import RowsPlan, land_next
from laketrain.lake import Lake, Version, fingerprint
from laketrain.lake.increments import behind

REVISION = 1
_FILE_ROWS = 50_000
"""Messages below which no further file is begun: a topic of many partitions brings few messages of each at a time."""


def ingest_kafka(spark: SparkSession, lake: Lake, name: str, source: KafkaSource) -> Iterator[Version]:
    """Lands what the topics hold when it begins, and yields each version as it is committed; none where nothing came.

    Where another job lands the same meanwhile, it goes on from what that one committed.

    Raises:
        LaunchError: Spark has no connector here.
        DataError: the brokers can't be asked, a topic is missing, or messages were lost.
    """
    table, goal = lake.table("raw", name), dict[Place, int]()
    with Broker(spark, name, source) as broker:

        def plan() -> RowsPlan | None:
            topics = broker.topics()
            if not goal:
                goal.update({(topic, number): end for topic, found in topics.items()
                             for number, (_, end) in found.spans.items()})
            return plan_kafka(name, source, table.latest(), broker.cluster(), topics, goal)

        while (version := land_next(spark, lake, name, plan)) is not None:
            yield version


def plan_kafka(name: str, source: KafkaSource, latest: Version | None, cluster: str, topics: Mapping[str, Topic],
               goal: Mapping[Place, int]) -> RowsPlan | None:
    """The next version on the way to `goal`, None where that is reached. It may be empty, where the latest doesn't end
    at what partitions are begun with: as the first, of a topic that came, behind messages that were lost. From then on
    that is known, and no later run begins elsewhere.

    Raises DataError where messages were lost.
    """
    landed = Landed.of(latest)
    begun = starts(name, source, landed, cluster, topics)
    spans = next_spans(begun.starts, goal, source.max_messages)
    if landed is not None and landed.says(begun, topics) and all(start == end for start, end in spans.values()):
        return None
    said = told(cluster, topics, spans, landed)
    lost = {"lost": sum(begun.lost.values())} if begun.lost else {}
    return RowsPlan(
        key=fingerprint("ingest", REVISION, said, [latest] if latest else []),
        frame=partial(_frame, source, spans),
        judge=partial(_judge, name, spans, lost),
        meta={META: said},
        adds_to=behind(latest) if latest and landed else [],
        after=latest.number if latest else 0,
    )


def _frame(source: KafkaSource, spans: Mapping[Place, Span], spark: SparkSession) -> DataFrame:
    """The messages of the spans, as Kafka has them."""
    options = {
        **source.spark(), "includeHeaders": "true", "failOnDataLoss": "true",
        "assign": json.dumps({topic: [number for other, number in spans if other == topic] for topic, _ in spans}),
        "startingOffsets": _by_topic({place: start for place, (start, _) in spans.items()}),
        "endingOffsets": _by_topic({place: end for place, (_, end) in spans.items()}),
    }
    rows = spark.read.format("kafka").options(**options).load().select(
        "key", "value", "topic", "partition", "offset", "timestamp", "headers")
    files = max(1, -(-sum(end - start for start, end in spans.values()) // _FILE_ROWS))
    return rows.coalesce(files) if files < len(spans) else rows


def _by_topic(offsets: Mapping[Place, int]) -> str:
    """As Spark takes them: {"events": {"0": 1200}}."""
    said: dict[str, dict[str, int]] = {}
    for (topic, number), offset in offsets.items():
        said.setdefault(topic, {})[str(number)] = offset
    return json.dumps(said)


def _judge(name: str, spans: Mapping[Place, Span], lost: Mapping[str, int], rows: DataFrame) -> dict[str, Any]:
    """What the entry counts. Offsets without a message are no loss: a topic that is compacted has them, and one that
    is written in transactions. Messages that were lost while they were read are told by the connector."""
    found = {(row["topic"], row["partition"]): row for row in rows.groupBy("topic", "partition").agg(
        F.count("offset").alias("rows"), F.min("offset").alias("first"), F.max("offset").alias("last")).collect()}
    for place, row in found.items():
        start, end = spans.get(place, (0, 0))
        if not start <= row["first"] <= row["last"] < end or row["rows"] > end - start:
            raise DataError("ingest", f"source {name!r}", f"asked for the offsets {start} to {end} of partition "
                            f"{place[1]} of topic {place[0]!r}, received {row['rows']} messages from {row['first']} to "
                            f"{row['last']}", "run it again; nothing was committed")
    asked, came = sum(end - start for start, end in spans.values()), sum(row["rows"] for row in found.values())
    return {"offsets": asked, **({"without_message": asked - came} if asked != came else {}), **lost}
