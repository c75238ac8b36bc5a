"""Tables of other systems are ingested as rows: a real PostgreSQL, read by real Spark."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import TypeAdapter
from tests.postgres import PASSWORD, USER, Postgres, postgres
from tests.tables import rows_of

from laketrain.clean import clean
from laketrain.config.clean import CleanTable
from laketrain.config.sources import AnySource, TableSource
from laketrain.errors import DataError, LaunchError
from laketrain.ingest.row_sources import ingest_rows
from laketrain.lake import Lake, Version
from laketrain.lake.appends import appends
from laketrain.spark.frames import configured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
ORDERS = """
create table orders (id serial primary key, "At" timestamptz not null default '2026-01-02 03:04:05.678901+02',
                     price numeric(12,2), name text, tags text[], paid boolean, note bytea);
insert into orders (price, name, tags, paid, note)
  select i * 1.25, case when i % 10 = 0 then null else 'naïve ' || i end, array['a', i::text], i % 2 = 0,
         decode('00ff', 'hex') from generate_series(1, 1000) i
"""

RUN_CHANGE_RUN = """
import os, sys
from laketrain import Pipeline

config, change, log = sys.argv[1:]
Pipeline(config).run()
os.rename(change, log)
Pipeline(config).run()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def shop(server: Postgres, with_connectors: list[str], spark: SparkSession,
         monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """The server with a table of a thousand orders, its login in the environment."""
    monkeypatch.setenv("SHOP_USER", USER)
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    server.run(f"drop table if exists orders; {ORDERS}")
    return server


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A Delta table with a removed file, written by hand after Delta's protocol."""
    folder = tmp_path / "a price list"
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}}
              for name, kind in (("name", "string"), ("price", "double"))]
    begin = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
             {"metaData": {"id": "prices", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                           "schemaString": json.dumps({"type": "struct", "fields": fields}), "configuration": {}}}]
    removed = {"remove": {"path": "gone.parquet", "deletionTimestamp": 1, "dataChange": True}}
    append_to_log(folder, 0, [*begin, added(folder, "gone", ["x", "y"]), added(folder, "first", ["a", "b"])])
    append_to_log(folder, 1, [removed, added(folder, "second", ["c"])])
    return folder


def log_of(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.json"


def append_to_log(folder: Path, version: int, actions: list[dict[str, Any]]) -> None:
    log = log_of(folder, version)
    log.parent.mkdir(exist_ok=True, parents=True)
    log.write_text("".join(f"{json.dumps(action)}\n" for action in actions))


def added(folder: Path, name: str, names: list[str]) -> dict[str, Any]:
    """The action that adds a file of these rows."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table({"name": names, "price": [1.5] * len(names)}), path)
    return {"add": {"path": path.name, "partitionValues": {}, "size": path.stat().st_size, "modificationTime": 1,
                    "dataChange": True}}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "a lake")


def orders(server: Postgres, **more: Any) -> TableSource:
    table = {} if "query" in more else {"table": "orders"}
    return TypeAdapter(AnySource).validate_python({
        "format": "jdbc", "url": server.url, "user_env": "SHOP_USER", "password_env": "SHOP_PASSWORD", **table, **more})


def ingested(spark: SparkSession, lake: Lake, source: TableSource) -> list[Version]:
    return list(ingest_rows(spark, lake, "orders", source))


def cleaned(spark: SparkSession, lake: Lake, source: TableSource) -> list[dict[str, Any]]:
    raw = lake.table("raw", "orders").latest()
    assert raw is not None
    rules = CleanTable.model_validate({"rules": [{"not_null": {"columns": ["name"]}}], "max_reject_fraction": 1.0})
    return sorted(rows_of(clean(spark, raw, "orders", rules, source, str(raw.number))), key=lambda row: row["id"])


def test_every_row_and_every_type_is_ingested(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    source = orders(shop)
    [version] = ingested(spark, lake, source)
    assert version.entry.counts["rows"] == 1000
    rows = cleaned(spark, lake, source)
    assert [row["id"] for row in rows] == [i for i in range(1, 1001) if i % 10]
    assert rows[0]["price"] == Decimal("1.250000000000000000")
    assert (rows[0]["name"], rows[0]["tags"], rows[0]["paid"], rows[0]["note"]) == (
        "naïve 1", ["a", "1"], False, b"\x00\xff")
    assert rows[0]["At"].isoformat().startswith("2026-01-02T01:04:05.678901")


def test_an_unchanged_table_is_not_ingested_again_and_a_changed_one_is(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    source = orders(shop)
    assert [version.number for version in ingested(spark, lake, source)] == [1]
    assert ingested(spark, lake, source) == []
    assert ingested(spark, lake, orders(shop, partition={"column": "id", "parts": 3})) == []
    shop.run("update orders set paid = not paid where id = 7")
    assert [version.number for version in ingested(spark, lake, source)] == [2]
    assert not lake.store.list("raw/orders/_drafts", recursive=True)


def test_a_table_is_read_in_ranges_of_a_column_without_losing_rows_at_their_ends(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    for bounds in ({}, {"lower": 400, "upper": 600}):
        source = orders(shop, partition={"column": "ID", "parts": 4, **bounds})
        [version] = ingested(spark, Lake(f"{lake.url}{len(bounds)}"), source)
        assert len(version.entry.files) == 4
        assert sorted(row["id"] for row in rows_of(version)) == list(range(1, 1001))


def test_only_rows_above_the_largest_value_are_ingested_each_once(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    source = orders(shop, since="ID")
    ingested(spark, lake, source)
    assert ingested(spark, lake, source) == []
    shop.run("insert into orders (price, name) select 1, 'late' from generate_series(1, 30)")
    [second] = ingested(spark, lake, source)
    assert second.entry.counts["rows"] == 30
    assert [version.number for version in appends(second)] == [1, 2]
    assert len(cleaned(spark, lake, source)) == 930


@pytest.mark.parametrize("since", ["id", "At", "name"])
def test_a_replica_that_lags_behind_has_nothing_new_and_no_row_is_ingested_twice(
        spark: SparkSession, lake: Lake, shop: Postgres, since: str) -> None:
    """As after a failover: missing rows arrive again, and further ones."""
    shop.run("update orders set name = lpad(id::text, 6, '0'), \"At\" = \"At\" + id * interval '1 second'; "
             "drop table if exists ahead; create table ahead as select * from orders where id > 95")
    source = orders(shop, since=since)
    ingested(spark, lake, source)
    shop.run("delete from orders where id > 95")
    assert ingested(spark, lake, source) == []
    shop.run("insert into orders select * from ahead; "
             "insert into orders (id, name, \"At\") values (1001, '001001', timestamptz '2027-01-01')")
    [second] = ingested(spark, lake, source)
    assert [row["id"] for row in rows_of(second)] == [1001]


def test_times_identify_new_rows_to_the_microsecond(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    """For any time zone of the session."""
    source = orders(shop, since="At")
    with configured(spark, {"spark.sql.session.timeZone": "Asia/Kolkata"}):
        ingested(spark, lake, source)
        assert ingested(spark, lake, source) == []
        shop.run("insert into orders (\"At\", name) values ('2026-01-02 03:04:05.678902+02', 'a microsecond later')")
        [second] = ingested(spark, lake, source)
    assert [row["name"] for row in rows_of(second)] == ["a microsecond later"]


def test_an_empty_table_is_ingested_once_and_continues_when_rows_are_added(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    shop.run("truncate orders")
    source = orders(shop, since="id", partition={"column": "id"})
    assert [version.rows for version in ingested(spark, lake, source)] == [0]
    assert ingested(spark, lake, source) == []
    shop.run("insert into orders (name) values ('first')")
    assert [version.entry.counts["rows"] for version in ingested(spark, lake, source)] == [1]


def test_a_query_in_the_databases_sql(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    source = orders(shop, query="select paid, count(*) as orders from orders group by paid;")
    [version] = ingested(spark, lake, source)
    assert sorted((row["paid"], row["orders"]) for row in rows_of(version)) == [(False, 500), (True, 500)]


def test_nulls_in_the_column_of_since_are_an_error(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    with pytest.raises(DataError, match=r"100 rows have no 'name', so new rows can't be identified"):
        ingested(spark, lake, orders(shop, since="name"))
    assert lake.table("raw", "orders").latest() is None


@pytest.mark.parametrize(("more", "problem"), [
    ({"table": "ordres"}, r'relation "ordres" does not exist'),
    ({"since": "identity"}, r"has no column 'identity', which 'since' names"),
    ({"url": "jdbc:postgresql://127.0.0.1:9/shop"}, "Connection refused"),
    ({"password_env": "SHOP_USER"}, "password authentication failed"),
    ({"password_env": "SHOP_NOTHING"}, "the environment variable 'SHOP_NOTHING', which it names, isn't set"),
])
def test_a_table_that_cannot_be_read_is_named(spark: SparkSession, lake: Lake, shop: Postgres, more: dict[str, Any],
                                       problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        ingested(spark, lake, orders(shop, **more))
    assert "py4j" not in str(caught.value).lower() and PASSWORD not in str(caught.value)


def test_a_missing_driver_is_named_with_its_package(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    with pytest.raises(LaunchError, match=r"no driver for jdbc:mysql.*--packages com.mysql:mysql-connector-j"):
        ingested(spark, lake, orders(shop, url="jdbc:mysql://127.0.0.1:9/shop"))
    with pytest.raises(LaunchError, match=r"no connector for cassandra"):
        ingested(spark, lake, TypeAdapter(AnySource).validate_python({"format": "cassandra"}))


def test_a_delta_table_is_ingested_by_its_log_and_again_when_it_changed(
        tmp_path: Path, prices: Path, with_connectors: list[str]) -> None:
    """In a session of its own, which the config sets up as a user's does."""
    config = {"name": "prices", "lake": "lake", "sources": {"prices": {"format": "delta", "path": prices.name}},
              "clean": {"prices": {"rules": [{"not_null": {"columns": ["name"]}}]}},
              "spark": {"master": "local[1]", "conf": {
                  "spark.jars": ",".join(with_connectors),
                  "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
                  "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog"}}}
    (tmp_path / "prices.yaml").write_text(yaml.safe_dump(config))
    append_to_log(tmp_path / "change", 2, [added(prices, "third", ["d"])])
    result = subprocess.run([sys.executable, "-c", RUN_CHANGE_RUN, str(tmp_path / "prices.yaml"),
                           str(log_of(tmp_path / "change", 2)), str(log_of(prices, 2))], text=True,
                          capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    cleaned = Lake(tmp_path / "lake").table("clean", "prices")
    assert cleaned.versions() == [1, 2]
    for number, names in ((1, ["a", "b", "c"]), (2, ["a", "b", "c", "d"])):
        assert sorted(row["name"] for row in rows_of(cleaned.get(number))) == names


def test_a_session_without_delta_is_an_error_that_names_the_settings(
        spark: SparkSession, lake: Lake, prices: Path, with_connectors: list[str]) -> None:
    source = TypeAdapter(AnySource).validate_python({"format": "delta", "path": str(prices)})
    with pytest.raises(LaunchError, match=r"not set up for Delta.*spark.sql.extensions: io.delta.sql"):
        ingested(spark, lake, source)


@pytest.fixture
def profiles(with_connectors: list[str], spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that speaks MongoDB's protocol; its address, which may hold a password, in the environment. Called with
    documents, it stores them."""
    assert spark._jvm is not None
    mongo: Any = spark._jvm.de.bwaldvogel.mongo
    server = mongo.MongoServer(mongo.backend.memory.MemoryBackend())
    address = str(server.bindAndGetConnectionString())
    monkeypatch.setenv("MONGO_URI", address)

    def store(documents: list[dict[str, Any]]) -> None:
        rows = spark.createDataFrame(documents, "_id string, name string, tags array<string>, age int")  # type: ignore[type-var]
        rows.write.format("mongodb").mode("append").option("connection.uri", address).option(
            "database", "shop").option("collection", "profiles").save()

    yield store
    server.shutdownNow()


def test_documents_of_mongodb_are_ingested_each_once(spark: SparkSession, lake: Lake, profiles: Any) -> None:
    source = TypeAdapter(AnySource).validate_python({
        "format": "mongodb", "secrets": {"connection.uri": "MONGO_URI"}, "since": "_id",
        "schema": {"_id": "string", "name": "string", "tags": "array<string>", "age": "int"},
        "options": {"database": "shop", "collection": "profiles",
                    # The server of this test lacks the statistics by which larger collections are partitioned.
                    "partitioner": "com.mongodb.spark.sql.connector.read.partitioner.SinglePartitionPartitioner"}})
    documents = [{"_id": f"p{number}", "name": "naïve" if number else None, "tags": ["a", str(number)], "age": number}
                 for number in range(9)]
    profiles(documents[:6])
    [first] = ingested(spark, lake, source)
    assert ingested(spark, lake, source) == []
    profiles(documents[6:])
    [second] = ingested(spark, lake, source)
    assert [version.rows for version in appends(second)] == [6, 3]
    assert first.number + 1 == second.number
    rules = CleanTable.model_validate({"rules": []})
    rows = rows_of(clean(spark, second, "orders", rules, source, "once"))
    assert sorted(rows, key=lambda row: str(row["_id"])) == documents
    assert "mongodb://" not in json.dumps(second.entry.meta)
