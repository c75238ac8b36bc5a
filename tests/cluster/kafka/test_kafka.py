"""A real broker: its messages land each once, whatever is killed, repeated, lost or wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.kafka import Kafka
from laketrain.config.clean import CleanTable
from laketrain.config.sources import KafkaSource
from laketrain.errors import CommitConflict, DataError
from laketrain.lake import Lake, Version

from ...tables import rows_of
from ..commands import begin, until
from .messages import Messages, config_of, ids, landed

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]
NAME = "events"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def source(topic: Messages, **settings: Any) -> KafkaSource:
    return KafkaSource.model_validate({
        "format": "kafka", "servers": topic.servers, "topics": [topic.topic], "schema": {"id": "string"}, **settings})


def ingest(lake: Lake, topic: Messages, **settings: Any) -> list[Version]:
    from laketrain.ingest.kafka import ingest_kafka

    return list(ingest_kafka(topic.spark, lake, NAME, source(topic, **settings)))


def clean(lake: Lake, topic: Messages, **settings: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the clean table and of its quarantine."""
    from laketrain.clean import clean as clean_
    from laketrain.clean import fingerprint_clean

    raw, table = lake.version(f"raw/{NAME}"), CleanTable.model_validate({"max_reject_fraction": 1.0})
    settings_of_source = source(topic, **settings)
    version = clean_(topic.spark, raw, NAME, table, settings_of_source,
                     fingerprint_clean(raw, table, settings_of_source))
    return rows_of(version), rows_of(lake.table("quarantine", NAME).latest())


# ---- what lands


def test_a_run_lands_what_is_new_and_one_with_nothing_new_makes_no_version(topic: Messages, lake: Lake) -> None:
    topic.send(range(300))
    [first] = ingest(lake, topic)
    assert (first.entry.counts["rows"], first.entry.counts["offsets"]) == (300, 300)
    assert ingest(lake, topic) == []
    topic.send(range(300, 500))
    later = ingest(lake, topic, max_messages=90)
    assert len(later) == 3
    assert [version.number for version in later] == [2, 3, 4]
    assert sum(version.entry.counts["rows"] for version in later) == 200
    assert ids(lake, NAME) == list(range(500))
    rows, refused = clean(lake, topic, keep=["key", "partition", "offset", "timestamp"])
    assert (len(rows), refused) == (500, [])
    assert {(row["partition"], row["offset"]) for row in rows} == {result[:2] for result in landed(lake, NAME)}
    assert all(row["key"] == row["id"] and row["timestamp"].year > 2000 for row in rows)


def test_an_empty_topic_makes_a_version_without_rows_from_which_the_next_continues(topic: Messages, lake: Lake) -> None:
    topic.send(range(10))
    [first] = ingest(lake, topic, start="latest")
    assert first.entry.counts["rows"] == 0
    assert clean(lake, topic) == ([], [])
    topic.send(range(10, 20))
    ingest(lake, topic, start="latest")
    assert ids(lake, NAME) == list(range(10, 20))


def test_a_message_that_does_not_fit_the_schema_is_quarantined_with_its_offset(topic: Messages, lake: Lake) -> None:
    topic.send_bytes([b'{"id": "a", "n": 1}', b'{"id": "b", "n": "one"}', b"{", b'[{"id": "c"}]', None, b"", b"null",
                      b'{"id": "\xff"}', b'{"other": 1}'])
    ingest(lake, topic)
    rows, refused = clean(lake, topic, schema={"id": "string", "n": "int"})
    assert [(row["id"], row["n"]) for row in rows] == [("a", 1), (None, None)]
    reasons = {int(row["reason"].split()[4]): row["reason"].split(maxsplit=5)[5] for row in refused}
    odd = "isn't a json record of id string, n int"
    assert reasons == {1: f"{odd}: no int in 'n'", 2: odd, 3: odd, 4: "has no value", 5: odd, 6: odd,
                       7: "holds the byte 0xFF at 8, which isn't UTF-8"}
    assert {row["file"] for row in refused} == {f"{topic.topic}-0"}
    assert {row["rule"] for row in refused} == {"readable"}
    assert {row["record"] for row in refused} >= {"{", '{"id": "b", "n": "one"}', '[{"id": "c"}]'}


@pytest.mark.parametrize(("value", "row"), [("text", {"text": "é"}), ("bytes", {"value": "é".encode()})])
def test_values_may_be_text_or_bytes(topic: Messages, lake: Lake, value: str, row: dict[str, Any]) -> None:
    topic.send_bytes(["é".encode(), None])
    ingest(lake, topic)
    rows, refused = clean(lake, topic, schema=None, value=value, keep=["headers"])
    assert rows == [{**row, "headers": None}]
    assert len(refused) == 1


def test_what_a_producer_took_back_never_lands(topic: Messages, lake: Lake) -> None:
    topic.send_in_transaction(range(5), commit=True)
    topic.send_in_transaction(range(5, 9), commit=False)
    [version] = ingest(lake, topic)
    assert ids(lake, NAME) == list(range(5))
    assert version.entry.counts["without_message"] == version.entry.counts["offsets"] - 5 >= 5
    assert ingest(lake, topic) == []
    topic.send_in_transaction(range(9, 12), commit=True)
    ingest(lake, topic)
    assert ids(lake, NAME) == [*range(5), *range(9, 12)]


# ---- two at once


def test_of_two_jobs_that_land_the_same_messages_only_the_first_commits(
        topic: Messages, lake: Lake) -> None:
    from laketrain.ingest.kafka import plan_kafka
    from laketrain.ingest.kafka_admin import KafkaAdmin
    from laketrain.ingest.rows import commit_rows

    topic.send(range(100))
    with KafkaAdmin(topic.spark, NAME, source(topic)) as admin:
        topics, cluster = admin.topics(), admin.cluster_id()
    goal = {(name, number): end for name, result in topics.items() for number, (_, end) in result.ranges.items()}
    late = plan_kafka(NAME, source(topic), None, cluster, topics, goal)
    topic.send(range(100, 150))
    ingest(lake, topic)
    assert late is not None
    with pytest.raises(CommitConflict):
        commit_rows(topic.spark, lake, NAME, late)
    assert ids(lake, NAME) == list(range(150))


def test_two_jobs_at_once_land_each_message_once(topic: Messages, connector: Path, tmp_path: Path) -> None:
    topic.send(range(240))
    both = [begin(config_of(tmp_path, topic.servers, topic.topic, connector, max_messages=60), "ingest")
            for _ in range(2)]
    outputs = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n\n".join(outputs)
    assert ids(Lake(tmp_path / "lake"), NAME) == list(range(240))


# ---- faults


def files(lake: Lake, below: str) -> int:
    return len(lake.store.list(f"raw/{NAME}/{below}", recursive=True))


def test_a_broker_killed_and_started_again_while_it_is_read_costs_nothing(
        topic: Messages, broker: Kafka, connector: Path, tmp_path: Path) -> None:
    topic.send(range(1500))
    lake = Lake(tmp_path / "lake")
    driver = begin(config_of(tmp_path, topic.servers, topic.topic, connector, options={"maxRecordsPerPartition": 20}),
                   "ingest")
    until(lambda: files(lake, "data") or driver.poll() is not None)
    broker.kill()
    assert lake.table("raw", NAME).versions() == []
    time.sleep(1)
    broker.start()
    output = driver.communicate(timeout=600)[0]
    assert driver.returncode == 0, output
    assert lake.table("raw", NAME).versions() == [1]
    assert ids(lake, NAME) == list(range(1500))


@pytest.mark.parametrize("instant", [
    pytest.param("its draft is open", marks=pytest.mark.soak), pytest.param("it writes", marks=pytest.mark.soak),
    "it has committed a part"])
def test_a_driver_killed_at_any_instant_costs_nothing(
        instant: str, topic: Messages, connector: Path, tmp_path: Path) -> None:
    topic.send(range(1200))
    lake = Lake(tmp_path / "lake")
    config = config_of(tmp_path, topic.servers, topic.topic, connector, max_messages=600,
                       options={"maxRecordsPerPartition": 20})
    happens = {"its draft is open": lambda: files(lake, "_drafts"), "it writes": lambda: files(lake, "data"),
               "it has committed a part": lambda: lake.table("raw", NAME).versions()}[instant]
    driver = begin(config, "ingest")
    until(lambda: happens() or driver.poll() is not None)
    driver.kill()
    driver.communicate()
    assert len(lake.table("raw", NAME).versions()) < 2
    landed_again = ingest(lake, topic, max_messages=600)
    assert landed_again
    assert ids(lake, NAME) == list(range(1200))


def test_messages_that_kafka_deleted_are_named_with_the_numbers_or_declared_lost(topic: Messages, lake: Lake) -> None:
    topic.send(range(10), partition=0)
    ingest(lake, topic)
    topic.send(range(10, 40), partition=0)
    topic.cut(0, before=25)
    with pytest.raises(DataError, match=r"now begins at offset 25, and raw/events@1 ends at 10: 15 messages"):
        ingest(lake, topic)
    assert lake.table("raw", NAME).versions() == [1]
    [version] = ingest(lake, topic, lost="ok")
    assert (version.entry.counts["lost"], version.entry.counts["rows"]) == (15, 15)
    assert ids(lake, NAME) == [*range(10), *range(25, 40)]


def test_a_topic_that_was_deleted_and_recreated_is_named(topic: Messages, lake: Lake) -> None:
    topic.send(range(10))
    ingest(lake, topic)
    topic.delete()
    until(lambda: _made_again(topic))
    topic.send(range(10, 50))
    with pytest.raises(DataError, match="was deleted and recreated since raw/events@1 landed it"):
        ingest(lake, topic)


def _made_again(topic: Messages) -> bool:
    from py4j.protocol import Py4JJavaError

    try:
        topic.make()
    except Py4JJavaError:  # the old topic is still being deleted
        return False
    return True


def test_a_missing_topic_is_named_with_the_nearest_name(topic: Messages, lake: Lake) -> None:
    with pytest.raises(DataError, match=rf"the topic '{topic.topic}s' doesn't exist .*Did you mean '{topic.topic}'"):
        ingest(lake, topic, topics=[f"{topic.topic}s"])


@pytest.mark.parametrize(("servers", "message"), [
    ("127.0.0.1:1", "127.0.0.1:1 can't be queried: no broker answered in time"),
    ("no.such.host.invalid:9092", "No resolvable bootstrap urls"),
])
def test_an_address_at_which_no_broker_answers_is_named(
        topic: Messages, lake: Lake, servers: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ingest(lake, topic, servers=servers, options={"default.api.timeout.ms": 2000, "request.timeout.ms": 1000})


def test_a_secret_that_is_not_in_the_environment_is_named(topic: Messages, lake: Lake) -> None:
    with pytest.raises(DataError, match="the environment variable 'NO_SUCH_JAAS', which it names, isn't set"):
        ingest(lake, topic, secrets={"sasl.jaas.config": "NO_SUCH_JAAS"})


def test_without_the_connector_the_command_names_the_missing_package_in_one_line(tmp_path: Path) -> None:
    command = begin(config_of(tmp_path, "127.0.0.1:1", NAME), "ingest")
    output = command.communicate(timeout=120)[0]
    assert command.returncode == 1
    assert "--packages org.apache.spark:spark-sql-kafka-0-10_2.13:4." in output
    assert "spark.jars.packages" in output
    assert "Traceback" not in output and "Py4J" not in output


# ---- the service


def test_the_service_lands_what_arrives_and_exits_with_0_on_a_signal(
        topic: Messages, connector: Path, tmp_path: Path) -> None:
    topic.send(range(100))
    lake = Lake(tmp_path / "lake")
    table = lake.table("clean", NAME)
    service = begin(config_of(tmp_path, topic.servers, topic.topic, connector), "stream", "--every", "1 s",
                    "--to", "clean")

    def cleaned(rows: int) -> bool:
        latest = table.latest()
        return service.poll() is not None or (latest is not None and latest.entry.counts["out"] == rows)

    until(lambda: cleaned(100))
    topic.send(range(100, 150))
    until(lambda: cleaned(150))
    service.send_signal(signal.SIGTERM)
    output = service.communicate(timeout=300)[0]
    assert service.returncode == 0, output
    assert "stopped; " in output
    assert ids(lake, NAME) == list(range(150))
