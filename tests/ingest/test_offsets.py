"""The arithmetic of offsets, without Kafka."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError
from laketrain.ingest.kafka import plan_kafka
from laketrain.ingest.offsets import CommittedOffsets, Topic, next_ranges, offsets_to_meta, start_offsets
from laketrain.ingest.rows import RowsPlan
from laketrain.lake import Entry, Lake, Version


def source(**settings: object) -> KafkaSource:
    return KafkaSource.model_validate({"format": "kafka", "servers": "here:9092", "topics": ["events"],
                                       "schema": {"id": "string"}, **settings})


def committed(ends: dict[int, int], topic: str = "events", identity: str = "a", cluster: str = "c") -> CommittedOffsets:
    return CommittedOffsets("raw/events@3", cluster, {topic: identity},
                            {(topic, number): end for number, end in ends.items()})


def topics(ranges: dict[int, tuple[int, int]], identity: str = "a") -> dict[str, Topic]:
    return {"events": Topic(identity, ranges)}


@pytest.mark.parametrize(("start", "offset"), [("earliest", 5), ("latest", 9)])
def test_a_new_topic_starts_as_the_source_configures(start: str, offset: int) -> None:
    starts = start_offsets("events", source(start=start), None, "c", topics({0: (5, 9)}))
    assert starts.starts == {("events", 0): offset}


def test_a_committed_partition_continues_and_an_added_one_is_read_from_its_first_message() -> None:
    starts = start_offsets("events", source(start="latest"), committed({0: 7}), "c", topics({0: (5, 9), 1: (0, 4)}))
    assert starts.starts == {("events", 0): 7, ("events", 1): 0}
    assert starts.lost == {}


@pytest.mark.parametrize(("available", "message"), [
    ((12, 20), "partition 0 of topic 'events' now begins at offset 12, and raw/events@3 ends at 7: 5 messages"),
    ((0, 6), "partition 0 of topic 'events' now ends at offset 6, and raw/events@3 has landed up to 7: 1 messages"),
])
def test_lost_messages_are_an_error_with_their_offsets(available: tuple[int, int], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        start_offsets("events", source(), committed({0: 7}), "c", topics({0: available}))
    assert "'sources.events.lost' ok" in caught.value.hint


def test_accepted_losses_are_counted_and_the_rest_is_read() -> None:
    starts = start_offsets("events", source(lost="ok"), committed({0: 7, 1: 7}), "c", topics({0: (12, 20), 1: (0, 6)}))
    assert starts.starts == {("events", 0): 12, ("events", 1): 6}
    assert starts.lost == {("events", 0): 5}


def test_a_recreated_topic_is_an_error_or_starts_again() -> None:
    with pytest.raises(DataError, match="topic 'events' was deleted and recreated since raw/events@3 landed it"):
        start_offsets("events", source(), committed({0: 7}), "c", topics({0: (0, 9)}, "b"))
    assert start_offsets("events", source(lost="ok"), committed({0: 7}), "c", topics({0: (0, 9)}, "b")).starts == {
        ("events", 0): 0}


def test_another_cluster_is_an_error_even_if_losses_are_accepted() -> None:
    with pytest.raises(DataError, match="here:9092 is the cluster d, but raw/events@3 landed from c"):
        start_offsets("events", source(lost="ok"), committed({0: 7}), "d", topics({0: (0, 9)}))


def version_of(plan: RowsPlan | None, number: int) -> Version:
    """The version that the plan makes."""
    assert plan is not None
    return Version(Lake("/nowhere"), "raw", "events", Entry(
        version=number, data="data/x", created=datetime.now(timezone.utc), meta=plan.manifest.to_meta()))


def planned(latest: Version | None, topics: dict[str, Topic], **settings: object) -> RowsPlan | None:
    """The plan of a run up to the current ends."""
    goal = {(name, number): end for name, topic in topics.items() for number, (_, end) in topic.ranges.items()}
    return plan_kafka("events", source(**settings), latest, "c", topics, goal)


def ranges_of(version: Version) -> dict[str, dict[str, dict[str, int]]]:
    return {topic: state["partitions"] for topic, state in version.entry.meta["kafka"]["topics"].items()}


def test_the_start_of_an_added_topic_is_recorded_even_without_new_messages() -> None:
    old, new = Topic("a", {0: (0, 7)}), Topic("b", {0: (0, 40)})
    first = version_of(planned(None, {"events": old}, start="latest"), 1)
    assert planned(first, {"events": old}, start="latest") is None
    second = version_of(planned(first, {"events": old, "more": new}, start="latest"), 2)
    assert ranges_of(second)["more"] == {"0": {"from": 40, "to": 40}}
    assert planned(second, {"events": old, "more": new}, start="latest") is None
    third = version_of(planned(second, {"events": old, "more": Topic("b", {0: (0, 45)})}, start="latest"), 3)
    assert ranges_of(third)["more"] == {"0": {"from": 40, "to": 45}}


@pytest.mark.parametrize(("available", "start"), [((0, 50), 50), ((130, 130), 130)],
                         ids=["cut off by Kafka", "deleted before they were landed"])
def test_the_start_after_a_loss_is_recorded_even_without_new_messages(available: tuple[int, int], start: int) -> None:
    first = version_of(planned(None, topics({0: (0, 100)})), 1)
    second = version_of(planned(first, topics({0: available}), lost="ok"), 2)
    assert ranges_of(second)["events"] == {"0": {"from": start, "to": start}}
    assert start_offsets("events", source(), CommittedOffsets.of(second), "c", topics({0: available})).lost == {}
    assert planned(second, topics({0: available}), lost="ok") is None
    third = version_of(planned(second, topics({0: (available[0], start + 70)}), lost="ok"), 3)
    assert ranges_of(third)["events"] == {"0": {"from": start, "to": start + 70}}


def test_a_recreated_topic_is_recorded_even_if_it_is_empty() -> None:
    first = version_of(planned(None, topics({0: (0, 100)})), 1)
    second = version_of(planned(first, topics({0: (0, 0)}, "b"), lost="ok"), 2)
    assert (CommittedOffsets.of(second) or committed({})).ids == {"events": "b"}
    assert planned(second, topics({0: (0, 0)}, "b")) is None
    third = version_of(planned(second, topics({0: (0, 120)}, "b")), 3)
    assert ranges_of(third)["events"] == {"0": {"from": 0, "to": 120}}


ENDS = st.dictionaries(st.integers(0, 5), st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1)


@given(ENDS, st.integers(1, 500))
def test_ranges_of_any_size_cover_all_messages_without_gaps_or_duplicates(
        partitions: dict[int, tuple[int, int]], most: int) -> None:
    starts = {("t", number): min(span) for number, span in partitions.items()}
    goal = {("t", number): max(span) for number, span in partitions.items()}
    seen = {partition: [start] for partition, start in starts.items()}
    for _ in range(20_000):
        ranges = next_ranges(starts, goal, most)
        size = sum(end - start for start, end in ranges.values())
        assert size <= most + len(starts)
        if not size:
            break
        for partition, (start, end) in ranges.items():
            assert start == seen[partition][-1]
            seen[partition].append(end)
        starts = {partition: end for partition, (_, end) in ranges.items()}
    assert {partition: ends[-1] for partition, ends in seen.items()} == goal


def test_offsets_of_topics_that_are_no_longer_configured_are_kept(tmp_path) -> None:
    before = committed({0: 7}, topic="old", identity="z")
    ranges = {("events", 0): (2, 9), ("events", 1): (0, 0)}
    offsets = offsets_to_meta("c", topics({0: (0, 9), 1: (0, 4)}), ranges, before)
    entry = Entry(version=4, data="data/x", created=datetime.now(timezone.utc), meta={"kafka": offsets})
    read = CommittedOffsets.of(Version(Lake(tmp_path), "raw", "events", entry))
    assert read is not None
    assert (read.ref, read.cluster, read.ids) == ("raw/events@4", "c", {"events": "a", "old": "z"})
    assert read.ends == {("events", 0): 9, ("events", 1): 0, ("old", 0): 7}
