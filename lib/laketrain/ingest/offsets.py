"""Which messages come next: arithmetic of offsets, which knows neither Kafka nor Spark.

    landed = Landed.of(latest)                                       # what stands in the latest version's entry
    begins = starts("events", source, landed, topics)                # {("events", 0): 1200, …}
    spans = next_spans(begins.starts, goal, most=1_000_000)          # {("events", 0): (1200, 5000), …}

A span is half open, as Kafka's own offsets are: from the first message to the one behind the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError
from laketrain.lake import Version

Place = tuple[str, int]
"""A topic and the number of a partition."""
Span = tuple[int, int]

META = "kafka"
"""The key of an entry's meta under which `told` stands."""


@dataclass(frozen=True)
class Topic:
    """A topic as the brokers tell of it: its identity, and by partition the first offset that is there and the one
    behind the last."""

    id: str
    spans: Mapping[int, Span]


@dataclass(frozen=True)
class Landed:
    """What a version, and those that it adds to, have landed: the cluster, each topic's identity, and by partition the
    offset behind the last message."""

    ref: str
    cluster: str
    ids: Mapping[str, str]
    ends: Mapping[Place, int]

    @classmethod
    def of(cls, version: Version | None) -> Landed | None:
        """From its entry. None where there is none, or where it has landed no topics."""
        told = version.entry.meta.get(META) if version is not None else None
        if version is None or told is None:
            return None
        topics = told["topics"]
        return cls(version.ref, told["cluster"], {topic: said["id"] for topic, said in topics.items()},
                   {(topic, int(number)): span["to"] for topic, said in topics.items()
                    for number, span in said["partitions"].items()})

    def says(self, begins: Begins, topics: Mapping[str, Topic]) -> bool:
        """Whether all that is begun goes on from what stands here, of topics that are still the same."""
        return (all(self.ids.get(topic) == found.id for topic, found in topics.items())
                and all(self.ends.get(place) == start for place, start in begins.starts.items()))


@dataclass(frozen=True)
class Begins:
    """Where each partition is begun, and how many of its messages were deleted before they were landed."""

    starts: Mapping[Place, int]
    lost: Mapping[Place, int] = field(default_factory=dict)


def starts(name: str, source: KafkaSource, landed: Landed | None, cluster: str, topics: Mapping[str, Topic]) -> Begins:
    """Where the next version begins: behind what the latest has landed.

    Raises DataError where that can't be: the messages there are gone, or the topic is another one of the same name,
    and the source doesn't take that as lost.
    """
    if landed is not None and landed.cluster != cluster:
        raise DataError("ingest", f"source {name!r}", f"{source.servers} is the cluster {cluster}, but {landed.ref} "
                        f"landed from {landed.cluster}, whose offsets mean other messages",
                        "check 'servers', or land the other cluster as a source of another name")
    begun: dict[Place, int] = {}
    lost: dict[Place, int] = {}
    for topic, found in topics.items():
        known = landed is not None and topic in landed.ids
        anew = known and landed is not None and landed.ids[topic] != found.id
        if anew and source.lost == "fail":
            raise _refused(name, f"topic {topic!r} was deleted and made anew since {landed.ref} landed it"
                           if landed else "", "with its first message")
        for number, (first, end) in found.spans.items():
            place = (topic, number)
            if landed is None or anew or place not in landed.ends:
                # A partition that is added to a known topic is landed whole, wherever the topic itself was begun.
                begun[place] = end if source.start == "latest" and not known else first
                continue
            begun[place], lost[place] = _goes_on(name, source, landed, place, (first, end))
    return Begins(begun, {place: count for place, count in lost.items() if count})


def next_spans(begun: Mapping[Place, int], goal: Mapping[Place, int], most: int) -> dict[Place, Span]:
    """From where each partition is begun towards `goal`: about `most` messages, shared out by what is left of each."""
    left = {place: max(0, goal.get(place, start) - start) for place, start in begun.items()}
    total = sum(left.values())
    if total <= most:
        return {place: (start, start + left[place]) for place, start in begun.items()}
    return {place: (start, start + min(left[place], -(-left[place] * most // total))) for place, start in begun.items()}


def told(cluster: str, topics: Mapping[str, Topic], spans: Mapping[Place, Span], before: Landed | None
         ) -> dict[str, Any]:
    """What the entry says, of which `Landed.of` is the way back. Topics that the source no longer names are kept, so
    that they go on where they were if it names them again."""
    said: dict[str, Any] = {topic: {"id": found.id, "partitions": {}} for topic, found in topics.items()}
    for (topic, number), (start, end) in spans.items():
        said[topic]["partitions"][str(number)] = {"from": start, "to": end}
    for (topic, number), end in (before.ends if before else {}).items():
        if before is not None and topic not in topics:
            kept = said.setdefault(topic, {"id": before.ids[topic], "partitions": {}})
            kept["partitions"][str(number)] = {"from": end, "to": end}
    return {"cluster": cluster, "topics": said}


def _goes_on(name: str, source: KafkaSource, landed: Landed, place: Place, there: Span) -> tuple[int, int]:
    """Where a known partition is begun, and how many messages are missing before."""
    (first, end), (topic, number), before = there, place, landed.ends[place]
    if first <= before <= end:
        return before, 0
    what = f"partition {number} of topic {topic!r}"
    if source.lost == "fail":
        if before < first:
            raise _refused(name, f"{what} now begins at offset {first}, and {landed.ref} ends at {before}: "
                           f"{first - before} messages were deleted before they were landed", f"at offset {first}")
        raise _refused(name, f"{what} now ends at offset {end}, and {landed.ref} has landed up to {before}: "
                       f"{before - end} messages were lost by Kafka after they were landed", f"at offset {end}")
    return (first, first - before) if before < first else (end, 0)


def _refused(name: str, problem: str, where: str) -> DataError:
    return DataError("ingest", f"source {name!r}", problem, f"run once with 'sources.{name}.lost' ok to go on {where}; "
                     "what has landed stays. Ingest more often, or let the topic keep its messages for longer")
