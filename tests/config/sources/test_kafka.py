"""The settings of Kafka topics, and the problems of invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.config.sources import KafkaSource
from laketrain.errors import ConfigError
from laketrain.workload import Workload

GOOD = "{format: kafka, servers: 'a:9092, b:9092', topics: [events], schema: {id: string}}"


def load(tmp_path: Path, source: str, rules: str = "[]") -> Workload:
    path = tmp_path / "events.yaml"
    path.write_text(f"name: events\nlake: lake\nsources:\n  events: {source}\nclean:\n  events: {{rules: {rules}}}\n")
    return Workload.load(path)


def test_a_topic_is_identified_by_its_servers_and_its_name(tmp_path: Path) -> None:
    source = load(tmp_path, GOOD).sources["events"]
    assert isinstance(source, KafkaSource)
    assert source.servers == "a:9092,b:9092"
    assert source.client() == {"bootstrap.servers": "a:9092,b:9092", "isolation.level": "read_committed"}


@pytest.mark.parametrize(("old", "new", "message"), [
    ("format: kafka", "format: kafak", "received 'kafak'.*Did you mean 'kafka'?"),
    ("servers: 'a:9092, b:9092'", "server: 'a:9092'", "unknown key 'server'. Did you mean 'servers'?"),
    ("a:9092", "a", "received 'a' among the servers, expected host:port"),
    ("topics: [events]", "topics: []", "expected at least 1 of them"),
    ("[events]", "[events, events]", "received the topic 'events' twice"),
    ("[events]", "[a/b]", "received 'a/b'.*expected text of the form"),
    (", schema: {id: string}", "", "the key 'schema' is missing. Give each field of the JSON its type"),
    ("schema: {id: string}", "schema: infer", "received 'infer'.*expected a mapping"),
    ("schema: {id: string}", "schema: {id: strng}", "strng"),
    ("schema", "value: text, schema", "received a schema for messages of text, whose column is 'text'"),
    ("schema: {id: string}", "value: avro", "received 'avro'"),
    ("schema: {id", "keep: [key], schema: {Key", "received 'key' under keep, but the schema has a column 'Key' too"),
    ("schema", "keep: [offsets], schema", "Did you mean 'offset'?"),
    ("schema", "path: x, schema", "unknown key 'path'"),
    ("schema", "options: {startingOffsets: earliest}, schema", "which laketrain sets itself. Use the source's 'start'"),
    ("schema", "options: {kafka.group.id: me}, schema", "which laketrain sets itself. Remove it"),
    ("schema", "options: {minpartitions: 4}, schema", "Did you mean 'minPartitions'?"),
    ("schema", "secrets: {sasl.jaas.config: 'org.x password=1'}, schema", "secrets"),
])
def test_a_mistake_is_answered_with_the_way_out(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert "line 4, sources.events" in str(caught.value)


@pytest.mark.parametrize("option", ["sasl.jaas.config", "kafka.ssl.keystore.password", "ssl.keystore.key"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match="Put it in the environment and its variable's name under") as caught:
        load(tmp_path, GOOD.replace("schema", f"options: {{{option}: hunter2}}, schema"))
    assert "hunter2" not in str(caught.value)


def test_a_secret_comes_from_the_environment_and_is_in_no_setting(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_JAAS", "hunter2")
    settings = "options: {security.protocol: SASL_SSL, minPartitions: 4}, secrets: {sasl.jaas.config: KAFKA_JAAS}"
    workload = load(tmp_path, GOOD.replace("schema", f"{settings}, schema"))
    source = workload.sources["events"]
    assert isinstance(source, KafkaSource)
    assert source.client()["sasl.jaas.config"] == "hunter2"
    assert source.spark() == {
        "kafka.bootstrap.servers": "a:9092,b:9092", "kafka.isolation.level": "read_committed",
        "kafka.security.protocol": "SASL_SSL", "kafka.sasl.jaas.config": "hunter2", "minPartitions": "4"}
    assert "hunter2" not in workload.model_dump_json()
    assert source.unset() is None
    monkeypatch.delenv("KAFKA_JAAS")
    assert source.unset() == "KAFKA_JAAS"


def test_rules_are_held_against_the_columns_of_the_values_and_what_is_kept(tmp_path: Path) -> None:
    kept = GOOD.replace("schema", "keep: [timestamp], schema")
    load(tmp_path, kept, "[{not_null: {columns: [id, timestamp]}}]")
    with pytest.raises(ConfigError, match="there is no column 'offset'"):
        load(tmp_path, kept, "[{not_null: {columns: [offset]}}]")
