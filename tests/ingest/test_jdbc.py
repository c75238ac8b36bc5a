"""What a column of a database holds comes through exactly, or is named: real PostgreSQL, H2 and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter
from tests.postgres import PASSWORD, USER, Postgres, postgres
from tests.tables import rows_of

from laketrain.clean import clean
from laketrain.config.clean import CleanTable
from laketrain.config.sources import AnySource, TableSource
from laketrain.errors import DataError, LaunchError
from laketrain.ingest.jdbc import JdbcTable
from laketrain.ingest.row_sources import ingest_rows
from laketrain.lake import Lake, Version
from laketrain.lake.appends import appends

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
H2 = "jdbc:h2:mem:shop;DB_CLOSE_DELAY=-1"
BEFORE, GAP = "1582-10-04", "1582-10-10"
"""The second stands in no calendar that leapt, as Java's does, and in PostgreSQL's."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def shop(server: Postgres, with_connectors: list[str], monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setenv("SHOP_USER", USER)
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    server.run("drop table if exists t")
    return server


@pytest.fixture
def h2(spark: SparkSession, with_connectors: list[str]) -> Iterator[Callable[[str], Any]]:
    """Runs SQL in a database that lives in Spark's JVM."""
    assert spark._jvm is not None
    connection = spark._jvm.org.h2.Driver().connect(H2, spark._jvm.java.util.Properties())
    statement: Any = connection.createStatement()
    yield statement.execute
    statement.execute("drop all objects")
    connection.close()


@pytest.fixture
def lite(tmp_path: Path, with_connectors: list[str]) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def new_york(spark: SparkSession) -> Iterator[None]:
    """A JVM in another zone, as on a laptop."""
    assert spark._jvm is not None
    zones: Any = spark._jvm.java.util.TimeZone
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone("America/New_York"))
    yield
    assert zones.getDefault().getID() == "America/New_York"
    zones.setDefault(before)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def source(url: str, **more: Any) -> TableSource:
    table = {} if "query" in more else {"table": "t"}
    return TypeAdapter(AnySource).validate_python({"format": "jdbc", "url": url, **table, **more})


def of_shop(shop: Postgres, **more: Any) -> TableSource:
    return source(shop.url, user_env="SHOP_USER", password_env="SHOP_PASSWORD", **more)


def of_file(tmp_path: Path, **more: Any) -> TableSource:
    return source(f"jdbc:sqlite:{tmp_path / 'shop.db'}", **more)


def landed(spark: SparkSession, lake: Lake, source: TableSource) -> list[Version]:
    return list(ingest_rows(spark, lake, "orders", source))


def rows(spark: SparkSession, lake: Lake, source: TableSource) -> list[dict[str, Any]]:
    """The only version's rows, in the order of the first column."""
    [version] = landed(spark, lake, source)
    return sorted(rows_of(version), key=lambda row: next(iter(row.values())))


def test_numbers_keep_all_their_digits(spark: SparkSession, lake: Lake, h2: Callable[[str], Any]) -> None:
    long = "1.0000000000000000000000000000000000000001"
    h2("create table t (id int, fine decimal(50, 40), floating decfloat(30), free numeric, plain numeric(5, 2))")
    h2(f"insert into t values (1, {long}, 1.23456789012345678901234567895, 7, 1.25)")
    [row] = rows(spark, lake, source(H2))
    assert list(row.values()) == [1, long, "1.23456789012345678901234567895", "7", Decimal("1.25")]


def test_numbers_of_any_size_in_postgresql_are_text_that_a_rule_casts_or_quarantines(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    shop.run("create table t (id int, n numeric, small numeric(50, 20)); insert into t values "
             "(1, 0.1234567890123456789012345, 1.00000000000000000001), (2, 'NaN', null)")
    table = of_shop(shop)
    assert [row["n"] for row in rows(spark, lake, table)] == ["0.1234567890123456789012345", "NaN"]
    raw = lake.table("raw", "orders").latest()
    assert raw is not None
    rules = CleanTable.model_validate({"rules": [{"cast": {"column": "n", "to": "decimal(38,25)"}}],
                                       "max_reject_fraction": 1.0})
    [row] = rows_of(clean(spark, raw, "orders", rules, table, "once"))
    assert (row["n"], row["small"]) == (Decimal("0.1234567890123456789012345"), "1.00000000000000000001")


def test_a_column_in_customschema_is_read_as_that_type(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    shop.run("create table t (id int, n numeric, d date); insert into t values (1, 1.5, '2026-01-02')")
    [row] = rows(spark, lake, of_shop(shop, options={"customSchema": "N decimal(38,25), d string"}))
    assert row == {"id": 1, "n": Decimal("1.5"), "d": "2026-01-02"}


def test_times_of_day_and_bits_are_text(spark: SparkSession, lake: Lake, shop: Postgres, new_york: None) -> None:
    shop.run("create table t (id int, t time, zoned timetz, bits bit(8)); insert into t values "
             "(1, '23:59:58.123456', '12:30+02', '10101010'), (2, '24:00', '00:00-12', '00000001')")
    assert [list(row.values())[1:] for row in rows(spark, lake, of_shop(shop))] == [
        ["23:59:58.123456", "12:30:00+02", "10101010"], ["24:00:00", "00:00:00-12", "00000001"]]


def test_dates_and_times_equal_those_of_the_database_in_any_zone_and_century(
        spark: SparkSession, lake: Lake, shop: Postgres, new_york: None) -> None:
    shop.run("create table t (id int, d date, wall timestamp, at timestamptz); insert into t values "
             f"(1, '{BEFORE}', '{BEFORE} 12:00', '{BEFORE} 12:00+00'), (2, '{GAP}', '{GAP} 12:00', '{GAP} 12:00+00'), "
             "(3, '2020-03-08', '2020-03-08 02:30', '2020-03-08 02:30:00.000001+02')")
    found = [tuple(map(str, row.values())) for row in rows(spark, lake, of_shop(shop))]
    assert found == [
        ("1", BEFORE, f"{BEFORE} 12:00:00", f"{BEFORE} 12:00:00"), ("2", GAP, f"{GAP} 12:00:00", f"{GAP} 12:00:00"),
        ("3", "2020-03-08", "2020-03-08 02:30:00", "2020-03-08 00:30:00.000001")]


@pytest.mark.parametrize(("kind", "value", "said"), [
    ("date", "infinity", "infinity"), ("date", "0044-03-15 BC", "0044-03-15 BC"),
    ("timestamp", "-infinity", "-infinity"), ("timestamptz", "infinity", "infinity"),
])
def test_a_date_that_spark_does_not_support_is_an_error_that_names_the_column_and_its_hint_works(
        spark: SparkSession, lake: Lake, shop: Postgres, kind: str, value: str, said: str) -> None:
    shop.run(f"create table t (id int, d {kind}); insert into t values (1, '{value}')")
    with pytest.raises(DataError, match=f"column 'd' holds '{said}', which Spark can't represent ") as caught:
        landed(spark, lake, of_shop(shop))
    assert "options: {customSchema: 'd string'}" in caught.value.hint and "SQLSTATE" not in caught.value.hint
    assert lake.table("raw", "orders").latest() is None
    assert rows(spark, lake, of_shop(shop, options={"customSchema": "d string"})) == [{"id": 1, "d": said}]


def test_a_time_finer_than_a_microsecond_is_an_error_that_names_the_column(
        spark: SparkSession, lake: Lake, h2: Callable[[str], Any]) -> None:
    h2("create table t (id int, at timestamp(9), zoned timestamp(9) with time zone)")
    h2("insert into t values (1, '2020-01-01 00:00:00.123456000', '2020-01-01 00:00:00.123456+02:00')")
    [row] = rows(spark, lake, source(H2))
    assert (row["AT"].microsecond, row["ZONED"].day) == (123456, 31)
    h2("update t set at = '2020-01-01 00:00:00.123456789'")
    with pytest.raises(DataError, match=r"'AT' holds '2020-01-01 00:00:00.123456789', which Spark can't .* timestamp"):
        landed(spark, lake, source(H2))


@pytest.mark.parametrize("kind", ["numeric[]", "date[]", "timestamptz[]"])
def test_lists_with_values_that_spark_would_change_are_refused(
        spark: SparkSession, lake: Lake, shop: Postgres, kind: str) -> None:
    shop.run(f"create table t (id int, many {kind}, few numeric(5,2)[])")
    with pytest.raises(DataError, match=r"column 'many' is a list of .*CAST\(\"many\" AS text\)"):
        landed(spark, lake, of_shop(shop))
    query = "select id, few, cast(many as text) as many from t"
    assert rows(spark, lake, of_shop(shop, query=query)) == []


def test_sqlite_columns_have_their_declared_types(
        spark: SparkSession, lake: Lake, lite: sqlite3.Connection, tmp_path: Path) -> None:
    lite.execute("create table t (id integer, r real, n numeric, d decimal(10, 2), t text, day date, yes boolean, "
                 "b blob)")
    lite.execute("insert into t values (9007199254740993, 0.1 + 0.2, 1.005, 1.005, '007', '2026-01-02', 1, x'00ff')")
    [row] = rows(spark, lake, of_file(tmp_path, partition={"column": "id", "parts": 2}))
    assert list(row.values()) == [
        9007199254740993, 0.1 + 0.2, "1.005", "1.005", "007", "2026-01-02", True, b"\x00\xff"]


@pytest.mark.parametrize(("kind", "value", "became"), [
    ("integer", "abc", "bigint"), ("integer", 1.5, "bigint"), ("real", "abc", "double"), ("boolean", 2, "boolean")])
def test_a_value_of_another_type_in_a_sqlite_column_is_an_error_and_its_hint_works(
        spark: SparkSession, lake: Lake, lite: sqlite3.Connection, tmp_path: Path, kind: str, value: Any,
        became: str) -> None:
    lite.execute(f"create table t (id integer, n {kind})")
    lite.execute("insert into t values (1, ?)", [value])
    with pytest.raises(DataError, match=f"column 'n' holds '{value}', which Spark can't represent exactly as {became}"):
        landed(spark, lake, of_file(tmp_path))
    assert rows(spark, lake, of_file(tmp_path, options={"customSchema": "n string"})) == [{"id": 1, "n": str(value)}]


def test_new_rows_are_detected_by_numbers_of_any_length(spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    """In the order of numbers, not of their texts."""
    shop.run("create table t (n numeric); insert into t values (9), (10.0000000000000000000000000001)")
    table = of_shop(shop, since="n")
    landed(spark, lake, table)
    assert landed(spark, lake, table) == []
    shop.run("insert into t values (10.0000000000000000000000000002), (100)")
    landed(spark, lake, table)
    shop.run("insert into t values (99.5), (100.5)")
    [third] = landed(spark, lake, table)
    assert [version.rows for version in appends(third)] == [2, 2, 1]
    assert rows_of(third) == [{"n": "100.5"}]
    shop.run("insert into t values ('NaN')")
    with pytest.raises(DataError, match=r"'n', which 'since' names, holds 'NaN', which has no order"):
        landed(spark, lake, table)


def test_since_refuses_a_float_that_the_server_reads_as_another_number(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    """1.1 as a float is above 1.1: no row would be up to the largest."""
    shop.run("create table t (n float4, d float8); insert into t values (1.1, 1.1)")
    with pytest.raises(DataError, match=r"column 'n', which 'since' names, is a float.*cast it to a double"):
        landed(spark, lake, of_shop(shop, since="n"))
    assert [row["d"] for row in rows(spark, lake, of_shop(shop, since="d"))] == [1.1]


def test_no_row_is_lost_when_a_clock_changes_to_daylight_saving_time(
        spark: SparkSession, lake: Lake, shop: Postgres, new_york: None) -> None:
    shop.run("create table t (at timestamp); insert into t values ('2020-03-08 02:30')")
    table = of_shop(shop, since="at")
    landed(spark, lake, table)
    for time in ("2020-03-08 03:10", "2020-03-08 05:00"):
        shop.run(f"insert into t values ('{time}')")
        [version] = landed(spark, lake, table)
        assert [str(row["at"])[:16] for row in rows_of(version)] == [time]


@pytest.mark.parametrize("column", ["n", "fixed", "d", "wall", "at"])
def test_ranges_of_numbers_and_times_contain_every_row_once(
        spark: SparkSession, lake: Lake, shop: Postgres, new_york: None, column: str) -> None:
    shop.run("create table t as select g as id, (g * 1.5)::numeric as n, (g * 0.25)::numeric(10, 2) as fixed, "
             "date '2026-01-01' + g as d, timestamp '2020-03-08' + g * interval '30 min' as wall, "
             "timestamptz '2020-10-25' + g * interval '30 min' as at from generate_series(1, 20) g; "
             "insert into t (id) values (21)")
    [version] = landed(spark, lake, of_shop(shop, partition={"column": column, "parts": 3}))
    assert len(version.entry.files) == 3
    assert sorted(row["id"] for row in rows_of(version)) == list(range(1, 22))


@pytest.mark.parametrize(("columns", "problem", "hint"), [
    ("js json", "Unrecognized SQL type - name: JSON", "CAST\\(tags AS VARCHAR\\)"),
    ('"a" int, "A" int', "already exists", "names that differ by case only"),
])
def test_a_type_that_spark_does_not_support_is_an_error_with_a_hint(
        spark: SparkSession, lake: Lake, h2: Callable[[str], Any], columns: str, problem: str, hint: str) -> None:
    h2(f"create table t ({columns})")
    with pytest.raises(DataError, match=f"{problem}.*Next: .*{hint}"):
        landed(spark, lake, source(H2))


def test_a_number_that_spark_does_not_support_is_an_error_with_a_hint(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    shop.run("create table t (n numeric(10, 2)); insert into t values ('NaN')")
    with pytest.raises(DataError, match="NaN.*Next: a value isn't of the type.*customSchema"):
        landed(spark, lake, of_shop(shop))


def test_a_type_that_clean_does_not_expect_is_an_error_that_names_the_source(
        spark: SparkSession, lake: Lake, shop: Postgres) -> None:
    shop.run("create table t (id int, n numeric); insert into t values (1, 1.5)")
    table = of_shop(shop, schema={"id": "int", "n": "decimal(38,25)"})
    [raw] = landed(spark, lake, table)
    with pytest.raises(DataError, match=r"source 'orders': column 'n' is string, expected decimal\(38,25\)") as caught:
        clean(spark, raw, "orders", CleanTable.model_validate({"rules": []}), table, "once")
    assert "cast it in the source's 'query'" in caught.value.hint and "the file" not in caught.value.hint


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_mariadb_is_read_in_the_dialect_that_quotes_names_as_it_does(
        spark: SparkSession, with_connectors: list[str], scheme: str) -> None:
    """In the other one each name would be text, and each row hold the names of its columns."""
    table = JdbcTable(spark, "orders", source(f"jdbc:{scheme}://db/shop?useSSL=false", options={
        "tinyint1isbit": True}))  # type: ignore[arg-type]
    assert table.quote("a b") == "`a b`"
    options = table._options
    assert options["url"].startswith("jdbc:mysql://db/shop?useSSL=false")
    assert options["url"].endswith("&permitMysqlScheme") == (scheme == "mariadb")
    assert options["sessionInitStatement"] == "SET time_zone = '+00:00'"
    assert "tinyInt1isBit" not in options and options["yearIsDateType"] == "false"


@pytest.mark.parametrize(("scheme", "package"), [
    ("derby", "org.apache.derby:derbyclient"), ("mariadb", "org.mariadb.jdbc:mariadb-java-client")])
def test_a_missing_driver_is_named_with_the_package_that_has_it(
        spark: SparkSession, lake: Lake, with_connectors: list[str], scheme: str, package: str) -> None:
    with pytest.raises(LaunchError, match=f"no driver for jdbc:{scheme}.*--packages {package}"):
        landed(spark, lake, source(f"jdbc:{scheme}://127.0.0.1:9/shop"))


def test_an_unknown_driver_is_an_error_that_asks_for_its_class(
        spark: SparkSession, lake: Lake, with_connectors: list[str]) -> None:
    with pytest.raises(LaunchError, match=r"name the driver's class in options: {driver: …}, and add"):
        landed(spark, lake, source("jdbc:nuodb://127.0.0.1/shop"))
