"""Plans which Kafka messages come next: arithmetic of offsets, without Kafka or Spark.

    committed = CommittedOffsets.of(latest)                             # from the latest version's entry
    begin = start_offsets("events", source, committed, cluster, topics)  # begin.starts: {("events", 0): 1200, …}
    ranges = next_ranges(begin.starts, goal, most=1_000_000)            # {("events", 0): (1200, 5000), …}

An offset range is half open, as in Kafka: from the first message to the offset after the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.lake.manifests import RawManifest

TopicPartition = tuple[str, int]
"""A topic and the number of a partition."""
OffsetRange = tuple[int, int]


@dataclass(frozen=True)
class Topic:
    """A topic as the brokers describe it: its id, and by partition the first available offset and the one after the
    last."""

    id: str
    ranges: Mapping[int, OffsetRange]


@dataclass(frozen=True)
class CommittedOffsets:
    """What a version and those that it appends to contain: the cluster, each topic's id, and by partition the offset
    after the last message."""

    ref: str
    cluster: str
    ids: Mapping[str, str]
    ends: Mapping[TopicPartition, int]

    @classmethod
    def of(cls, version: Version | None) -> CommittedOffsets | None:
        """Reads the offsets of a version; None where there is no version, or where it has none."""
        offsets = RawManifest.of(version).kafka if version is not None else None
        if version is None or offsets is None:
            return None
        topics = offsets["topics"]
        return cls(version.ref, offsets["cluster"], {topic: state["id"] for topic, state in topics.items()},
                   {(topic, int(number)): span["to"] for topic, state in topics.items()
                    for number, span in state["partitions"].items()})

    def continues_at(self, begin: StartOffsets, topics: Mapping[str, Topic]) -> bool:
        """Whether every partition starts at the committed offset, and every topic still has the same id."""
        return (all(self.ids.get(name) == topic.id for name, topic in topics.items())
                and all(self.ends.get(partition) == start for partition, start in begin.starts.items()))


@dataclass(frozen=True)
class StartOffsets:
    """Where each partition starts, and how many of its messages were deleted before they were ingested."""

    starts: Mapping[TopicPartition, int]
    lost: Mapping[TopicPartition, int] = field(default_factory=dict)


def start_offsets(name: str, source: KafkaSource, committed: CommittedOffsets | None, cluster: str,
                  topics: Mapping[str, Topic]) -> StartOffsets:
    """Where the next version starts: after the committed offsets.

    Raises DataError if it can't, because those messages are gone or the topic was recreated, unless the source accepts
    that messages are lost.
    """
    if committed is not None and committed.cluster != cluster:
        raise DataError("ingest", f"source {name!r}", f"{source.servers} is the cluster {cluster}, but {committed.ref} "
                        f"landed from {committed.cluster}, whose offsets mean other messages",
                        "check 'servers', or ingest the other cluster as a source of another name")
    starts: dict[TopicPartition, int] = {}
    lost: dict[TopicPartition, int] = {}
    for topic_name, topic in topics.items():
        is_committed = committed is not None and topic_name in committed.ids
        recreated = is_committed and committed is not None and committed.ids[topic_name] != topic.id
        if recreated and source.lost == "fail":
            raise _lost_messages(name, f"topic {topic_name!r} was deleted and recreated since {committed.ref} landed it"
                                 if committed else "", "with its first message")
        for number, (first, end) in topic.ranges.items():
            partition = (topic_name, number)
            if committed is None or recreated or partition not in committed.ends:
                # A partition added to a committed topic is ingested from its first message, whatever `start` is.
                starts[partition] = end if source.start == "latest" and not is_committed else first
                continue
            starts[partition], lost[partition] = _continue(name, source, committed, partition, (first, end))
    return StartOffsets(starts, {partition: count for partition, count in lost.items() if count})


def next_ranges(starts: Mapping[TopicPartition, int], goal: Mapping[TopicPartition, int], most: int
                ) -> dict[TopicPartition, OffsetRange]:
    """The next ranges from `starts` towards `goal`: about `most` messages, shared in proportion to what is left of each
    partition."""
    left = {partition: max(0, goal.get(partition, start) - start) for partition, start in starts.items()}
    total = sum(left.values())
    if total <= most:
        return {partition: (start, start + left[partition]) for partition, start in starts.items()}
    return {partition: (start, start + min(left[partition], -(-left[partition] * most // total)))
            for partition, start in starts.items()}


def offsets_to_meta(cluster: str, topics: Mapping[str, Topic], ranges: Mapping[TopicPartition, OffsetRange],
                    before: CommittedOffsets | None) -> dict[str, Any]:
    """`RawManifest.kafka`, which `CommittedOffsets.of` reads. Topics that the source no longer names are kept, so that
    they continue where they were if it names them again."""
    states: dict[str, Any] = {name: {"id": topic.id, "partitions": {}} for name, topic in topics.items()}
    for (name, number), (start, end) in ranges.items():
        states[name]["partitions"][str(number)] = {"from": start, "to": end}
    for (name, number), end in (before.ends if before else {}).items():
        if before is not None and name not in topics:
            state = states.setdefault(name, {"id": before.ids[name], "partitions": {}})
            state["partitions"][str(number)] = {"from": end, "to": end}
    return {"cluster": cluster, "topics": states}


def _continue(name: str, source: KafkaSource, committed: CommittedOffsets, partition: TopicPartition,
              available: OffsetRange) -> tuple[int, int]:
    """Where a committed partition starts, and how many messages were lost before."""
    (first, end), (topic, number), before = available, partition, committed.ends[partition]
    if first <= before <= end:
        return before, 0
    what = f"partition {number} of topic {topic!r}"
    if source.lost == "fail":
        if before < first:
            raise _lost_messages(name, f"{what} now begins at offset {first}, and {committed.ref} ends at {before}: "
                                 f"{first - before} messages were deleted before they were landed",
                                 f"at offset {first}")
        raise _lost_messages(name, f"{what} now ends at offset {end}, and {committed.ref} has landed up to {before}: "
                             f"{before - end} messages were lost by Kafka after they were landed", f"at offset {end}")
    return (first, first - before) if before < first else (end, 0)


def _lost_messages(name: str, problem: str, where: str) -> DataError:
    return DataError("ingest", f"source {name!r}", problem, f"run once with 'sources.{name}.lost' ok to go on {where}; "
                     "what was ingested is kept. Ingest more often, or let the topic keep its messages for longer")
