"""Which messages come next: arithmetic alone, no Kafka."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.sources import KafkaSource
from laketrain.errors import DataError
from laketrain.ingest.kafka import plan_kafka
from laketrain.ingest.offsets import META, CommittedOffsets, Topic, next_spans, starts, told
from laketrain.ingest.rows import RowsPlan
from laketrain.lake import Entry, Lake, Version


def source(**settings: object) -> KafkaSource:
    return KafkaSource.model_validate({"format": "kafka", "servers": "here:9092", "topics": ["events"],
                                       "schema": {"id": "string"}, **settings})


def landed(ends: dict[int, int], topic: str = "events", identity: str = "a", cluster: str = "c") -> CommittedOffsets:
    return CommittedOffsets("raw/events@3", cluster, {topic: identity},
                            {(topic, number): end for number, end in ends.items()})


def topics(spans: dict[int, tuple[int, int]], identity: str = "a") -> dict[str, Topic]:
    return {"events": Topic(identity, spans)}


@pytest.mark.parametrize(("start", "begins"), [("earliest", 5), ("latest", 9)])
def test_a_topic_that_is_new_is_begun_as_the_source_says(start: str, begins: int) -> None:
    assert starts("events", source(start=start), None, "c", topics({0: (5, 9)})).starts == {("events", 0): begins}


def test_a_known_partition_goes_on_and_one_that_was_added_is_landed_whole() -> None:
    begun = starts("events", source(start="latest"), landed({0: 7}), "c", topics({0: (5, 9), 1: (0, 4)}))
    assert begun.starts == {("events", 0): 7, ("events", 1): 0}
    assert begun.lost == {}


@pytest.mark.parametrize(("there", "said"), [
    ((12, 20), "partition 0 of topic 'events' now begins at offset 12, and raw/events@3 ends at 7: 5 messages"),
    ((0, 6), "partition 0 of topic 'events' now ends at offset 6, and raw/events@3 has landed up to 7: 1 messages"),
])
def test_messages_that_are_gone_are_refused_with_the_numbers(there: tuple[int, int], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        starts("events", source(), landed({0: 7}), "c", topics({0: there}))
    assert "'sources.events.lost' ok" in caught.value.hint


def test_what_is_declared_lost_is_counted_and_the_rest_is_landed() -> None:
    begun = starts("events", source(lost="ok"), landed({0: 7, 1: 7}), "c", topics({0: (12, 20), 1: (0, 6)}))
    assert begun.starts == {("events", 0): 12, ("events", 1): 6}
    assert begun.lost == {("events", 0): 5}


def test_a_topic_made_anew_is_refused_or_begun_anew() -> None:
    with pytest.raises(DataError, match="topic 'events' was deleted and made anew since raw/events@3 landed it"):
        starts("events", source(), landed({0: 7}), "c", topics({0: (0, 9)}, "b"))
    assert starts("events", source(lost="ok"), landed({0: 7}), "c", topics({0: (0, 9)}, "b")).starts == {
        ("events", 0): 0}


def test_another_cluster_is_refused_also_where_losses_are_allowed() -> None:
    with pytest.raises(DataError, match="here:9092 is the cluster d, but raw/events@3 landed from c"):
        starts("events", source(lost="ok"), landed({0: 7}), "d", topics({0: (0, 9)}))


def told_of(plan: RowsPlan | None, number: int) -> Version:
    """The version that the plan would make."""
    assert plan is not None
    return Version(Lake("/nowhere"), "raw", "events", Entry(
        version=number, data="data/x", created=datetime.now(timezone.utc), meta=dict(plan.meta)))


def planned(latest: Version | None, topics: dict[str, Topic], **settings: object) -> RowsPlan | None:
    """Of a run that goes to the ends as they are."""
    goal = {(topic, number): end for topic, found in topics.items() for number, (_, end) in found.spans.items()}
    return plan_kafka("events", source(**settings), latest, "c", topics, goal)


def spans_of(version: Version) -> dict[str, dict[str, dict[str, int]]]:
    return {topic: said["partitions"] for topic, said in version.entry.meta[META]["topics"].items()}


def test_where_an_added_topic_is_begun_is_kept_though_nothing_new_came() -> None:
    old, new = Topic("a", {0: (0, 7)}), Topic("b", {0: (0, 40)})
    first = told_of(planned(None, {"events": old}, start="latest"), 1)
    assert planned(first, {"events": old}, start="latest") is None
    second = told_of(planned(first, {"events": old, "more": new}, start="latest"), 2)
    assert spans_of(second)["more"] == {"0": {"from": 40, "to": 40}}
    assert planned(second, {"events": old, "more": new}, start="latest") is None
    third = told_of(planned(second, {"events": old, "more": Topic("b", {0: (0, 45)})}, start="latest"), 3)
    assert spans_of(third)["more"] == {"0": {"from": 40, "to": 45}}


@pytest.mark.parametrize(("there", "begins"), [((0, 50), 50), ((130, 130), 130)],
                         ids=["cut off by Kafka", "deleted before they were landed"])
def test_where_a_partition_goes_on_after_a_loss_is_kept_though_nothing_is_left_to_read(
        there: tuple[int, int], begins: int) -> None:
    first = told_of(planned(None, topics({0: (0, 100)})), 1)
    second = told_of(planned(first, topics({0: there}), lost="ok"), 2)
    assert spans_of(second)["events"] == {"0": {"from": begins, "to": begins}}
    assert starts("events", source(), CommittedOffsets.of(second), "c", topics({0: there})).lost == {}
    assert planned(second, topics({0: there}), lost="ok") is None
    third = told_of(planned(second, topics({0: (there[0], begins + 70)}), lost="ok"), 3)
    assert spans_of(third)["events"] == {"0": {"from": begins, "to": begins + 70}}


def test_a_topic_made_anew_is_kept_in_mind_though_it_is_empty() -> None:
    first = told_of(planned(None, topics({0: (0, 100)})), 1)
    second = told_of(planned(first, topics({0: (0, 0)}, "b"), lost="ok"), 2)
    assert (CommittedOffsets.of(second) or landed({})).ids == {"events": "b"}
    assert planned(second, topics({0: (0, 0)}, "b")) is None
    third = told_of(planned(second, topics({0: (0, 120)}, "b")), 3)
    assert spans_of(third)["events"] == {"0": {"from": 0, "to": 120}}


ENDS = st.dictionaries(st.integers(0, 5), st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1)


@given(ENDS, st.integers(1, 500))
def test_spans_reach_the_goal_whatever_they_are_cut_into_without_a_gap_or_a_message_twice(
        partitions: dict[int, tuple[int, int]], most: int) -> None:
    begun = {("t", number): min(span) for number, span in partitions.items()}
    goal = {("t", number): max(span) for number, span in partitions.items()}
    seen = {place: [start] for place, start in begun.items()}
    for _ in range(20_000):
        spans = next_spans(begun, goal, most)
        size = sum(end - start for start, end in spans.values())
        assert size <= most + len(begun)
        if not size:
            break
        for place, (start, end) in spans.items():
            assert start == seen[place][-1]
            seen[place].append(end)
        begun = {place: end for place, (_, end) in spans.items()}
    assert {place: ends[-1] for place, ends in seen.items()} == goal


def test_what_an_entry_says_is_what_the_next_run_reads_also_of_topics_no_longer_named(tmp_path) -> None:
    before = landed({0: 7}, topic="old", identity="z")
    said = told("c", topics({0: (0, 9), 1: (0, 4)}), {("events", 0): (2, 9), ("events", 1): (0, 0)}, before)
    entry = Entry(version=4, data="data/x", created=datetime.now(timezone.utc), meta={META: said})
    read = CommittedOffsets.of(Version(Lake(tmp_path), "raw", "events", entry))
    assert read is not None
    assert (read.ref, read.cluster, read.ids) == ("raw/events@4", "c", {"events": "a", "old": "z"})
    assert read.ends == {("events", 0): 9, ("events", 1): 0, ("old", 0): 7}
