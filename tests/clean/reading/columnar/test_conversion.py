"""Parquet and ORC files of other writers: their times, intervals and identifiers are read, or rows are refused."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import orc

from laketrain.clean.reading.columnar.conversion import sub_microsecond_rows, to_spark
from laketrain.errors import DataError

from ....tables import Cleaned, clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UTC = dt.timezone.utc
AT = dt.datetime.fromisoformat("2024-02-29T23:59:58.123456")
NANOS = int(AT.replace(tzinfo=UTC).timestamp()) * 10**9 + 123_456_000
pytestmark = pytest.mark.slow


def cleaned(spark: SparkSession, folder: Path, content: bytes, columns: Mapping[str, str], form: str = "parquet"
            ) -> Cleaned:
    return clean_files(spark, folder, {"a b.x": content}, columns=columns, form=form, options={})


def in_parquet(table: pa.Table, **how: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content, **how)
    return content.getvalue()


def as_orc(table: pa.Table) -> bytes:
    content = io.BytesIO()
    orc.write_table(table, content)
    return content.getvalue()


def by_spark(spark: SparkSession, folder: Path, query: str, form: str = "parquet") -> bytes:
    spark.sql(query).coalesce(1).write.format(form).save(str(folder / "spark"))
    [written] = (folder / "spark").glob(f"*.{form}")
    return written.read_bytes()


def by_java(spark: SparkSession, path: Path, schema: str, rows: list[Mapping[str, Any]]) -> bytes:
    """A file of any Parquet schema, by Parquet's own writer. A pair is a time of INT96: its Julian day and its
    nanoseconds."""
    java = spark._jvm
    assert java is not None
    parsed = java.org.apache.parquet.schema.MessageTypeParser.parseMessageType(schema)
    groups = java.org.apache.parquet.example.data.simple.SimpleGroupFactory(parsed)
    writer = java.org.apache.parquet.hadoop.example.ExampleParquetWriter.builder(
        java.org.apache.hadoop.fs.Path(str(path))).withType(parsed).build()
    for row in rows:
        group = groups.newGroup()
        for name, value in row.items():
            if isinstance(value, tuple):
                value = java.org.apache.parquet.example.data.simple.NanoTime(*value)
            elif isinstance(value, bytes):
                value = java.org.apache.parquet.io.api.Binary.fromConstantByteArray(value)
            group.add(name, value)
        writer.write(group)
    writer.close()
    return path.read_bytes()


def test_what_pandas_writes_by_default_is_read(spark: SparkSession, tmp_path: Path):
    frame = pd.DataFrame({"id": ["1", "2"], "at": pd.to_datetime(["2024-02-29 23:59:58.123456", None]),
                          "kind": pd.Categorical(["a", "b"]), "took": pd.to_timedelta([1.5, None], "s")})
    content = io.BytesIO()
    frame.to_parquet(content)
    columns = {"id": "string", "at": "timestamp", "kind": "string", "took": "interval day to second"}
    result = clean_files(spark, tmp_path, {"a": content.getvalue()}, columns=columns, form="parquet", options={},
                         rules=[{"cast": {"column": "took", "to": "decimal(20,6)"}}])
    assert [(row["id"], row["kind"], row["took"]) for row in result.rows] == [
        ("1", "a", Decimal("1.5")), ("2", "b", None)]
    assert [row["at"] and pd.Timestamp(row["at"]).tz_localize(None) for row in result.rows] == [pd.Timestamp(AT), None]
    assert result.version.entry.counts["quarantined"] == 0


def test_an_undeclared_column_of_an_unsupported_type_does_not_matter(spark: SparkSession, tmp_path: Path):
    odd = pa.table({"id": ["1"], "at": pa.array([1], pa.timestamp("ns")), "took": pa.array([1], pa.duration("ns")),
                    "clock": pa.array([1], pa.time64("ns")), "void": pa.array([None], pa.null()),
                    "wide": pa.array([10**60], pa.decimal256(76, 0)), "big": pa.array([2**64 - 1], pa.uint64())})
    assert cleaned(spark, tmp_path / "1", in_parquet(odd), {"id": "string"}).rows == [{"id": "1"}]
    zoned = pa.table({"id": ["1"], "at": pa.array([1], pa.timestamp("ns", "UTC"))})
    assert cleaned(spark, tmp_path / "2", as_orc(zoned), {"id": "string"}, "orc").rows == [{"id": "1"}]


def test_old_times_are_read_to_the_microsecond_and_finer_ones_are_refused(spark: SparkSession, tmp_path: Path):
    """INT96, as Hive and Impala write it: any year; nanoseconds in 64 bits only cover 584 years."""
    def int96(date: dt.datetime, nanos: int) -> tuple[int, int]:
        return (date - dt.datetime.fromisoformat("1970-01-01")).days + 2_440_588, nanos % (86_400 * 10**9)

    far, old = dt.datetime.fromisoformat("9999-12-31"), dt.datetime.fromisoformat("0001-01-01")
    rows = [{"id": 1, "at": int96(AT, NANOS)}, {"id": 2, "at": int96(far, 123_000)}, {"id": 3, "at": int96(old, 0)},
            {"id": 4, "at": int96(AT, NANOS + 1)}, {"id": 5, "at": int96(far, 999)}]
    content = by_java(spark, tmp_path / "a.parquet", "message m { required int32 id; required int96 at; }", rows)
    result = cleaned(spark, tmp_path, content, {"id": "int", "at": "timestamp_ntz"})
    assert {row["id"]: row["at"] for row in result.rows} == {1: AT, 2: far.replace(microsecond=123), 3: old}
    assert {(json.loads(row["record"])["id"], row["reason"]) for row in result.refused} == {
        (4, "has digits below a microsecond in 'at'"), (5, "has digits below a microsecond in 'at'")}


def test_logical_types_of_parquet_are_read_or_refused(spark: SparkSession, tmp_path: Path):
    uuid = "00112233-4455-6677-8899-aabbccddeeff"
    schema = """message m { required binary text (ENUM); required binary doc (JSON); required binary bson (BSON);
        required fixed_len_byte_array(16) key (UUID); required fixed_len_byte_array(12) span (INTERVAL); }"""
    row = {"text": b"red", "doc": b'{"a":1}', "bson": b"\x05\x00\x00\x00\x00",
           "key": bytes.fromhex(uuid.replace("-", "")), "span": b"\x01\0\0\0\x02\0\0\0\x03\0\0\0"}
    content = by_java(spark, tmp_path / "a.parquet", schema, [row])
    columns = {"text": "string", "doc": "string", "bson": "binary", "key": "string"}
    result = cleaned(spark, tmp_path, content, columns)
    assert result.rows == [{"text": "red", "doc": '{"a":1}', "bson": row["bson"], "key": uuid}]
    assert cleaned(spark, tmp_path / "again", content, {"key": "binary"}).rows == [{"key": row["key"]}]
    for wrong in ("binary", "string"):
        with pytest.raises(DataError, match=f"column 'span' is INTERVAL, expected {wrong}.*write it as text"):
            cleaned(spark, tmp_path, content, {"span": wrong})


def test_intervals_that_spark_wrote_keep_their_unit(spark: SparkSession, tmp_path: Path):
    """Parquet stores them as plain numbers; Spark records their type in the metadata."""
    query = """SELECT INTERVAL '1 02:03:04.5' DAY TO SECOND AS d, array(INTERVAL '2' HOUR) AS l,
               INTERVAL '3' MONTH AS m, map('k', INTERVAL '4' DAY) AS n"""
    content = by_spark(spark, tmp_path, query)
    for name, wrong in (("d", "bigint"), ("l", "array<bigint>"), ("m", "int"), ("n", "map<string,bigint>")):
        with pytest.raises(DataError, match=f"column '{name}' is .*interval .*, expected {wrong}"):
            cleaned(spark, tmp_path, content, {name: wrong})
    columns = {"d": "interval day to second", "l": "array<interval day to second>",
               "m": "interval year to month", "n": "map<string, interval day to second>"}
    result = cleaned(spark, tmp_path, content, columns)
    frame = spark.read.schema(", ".join(f"{name} {kind}" for name, kind in columns.items())).parquet(
        *(result.version.url(file.path) for file in result.version.entry.files))
    [row] = frame.selectExpr("d", "l[0] AS l", "CAST(m AS string) AS m", "n['k'] AS n").collect()
    hour = dt.timedelta(hours=1)
    assert (row["d"], row["l"], row["n"]) == (dt.timedelta(1, 7384.5), 2 * hour, 96 * hour)
    assert row["m"] == "INTERVAL '0-3' YEAR TO MONTH"


def test_a_variant_of_spark_is_not_read_as_a_struct_of_bytes(spark: SparkSession, tmp_path: Path):
    content = by_spark(spark, tmp_path, "SELECT 1 AS id, parse_json('{\"a\": 1}') AS v")
    with pytest.raises(DataError, match="column 'v' is variant") as caught:
        cleaned(spark, tmp_path, content, {"v": "struct<value:binary,metadata:binary>"})
    assert "write it as text, e.g. by to_json" in caught.value.hint
    assert cleaned(spark, tmp_path, content, {"id": "int"}).rows == [{"id": 1}]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_of_orc_are_read_to_the_microsecond_and_finer_ones_are_refused(
        spark: SparkSession, tmp_path: Path, zone: str | None):
    times = pa.array([NANOS, NANOS + 1, None], pa.timestamp("ns", zone))
    table = pa.table({"id": ["1", "2", "3"], "at": times, "l": pa.array([[NANOS], [], None], pa.list_(times.type)),
                      "day": pa.array([dt.date(1500, 2, 28)] * 3)})
    columns = {"id": "string", "at": "timestamp_ntz", "l": "array<timestamp_ntz>", "day": "date"}
    result = cleaned(spark, tmp_path, as_orc(table), columns, "orc")
    assert result.rows == [{"id": "1", "at": AT, "l": [AT], "day": dt.date(1500, 2, 28)},
                           {"id": "3", "at": None, "l": None, "day": dt.date(1500, 2, 28)}]
    assert [(row["reason"], json.loads(row["record"])["id"]) for row in result.refused] == [
        ("has digits below a microsecond in 'at'", "2")]


def test_times_of_orc_that_spark_wrote_are_read_as_spark_reads_them(spark: SparkSession, tmp_path: Path):
    query = "SELECT timestamp'2024-02-29 23:59:58.123456' AS at, timestamp_ntz'9999-12-31 00:00:00' AS far"
    result = cleaned(spark, tmp_path, by_spark(spark, tmp_path, query, "orc"),
                     {"at": "timestamp", "far": "timestamp_ntz"}, "orc")
    assert result.version.entry.counts["quarantined"] == 0
    [row] = result.rows
    assert (row["at"], row["far"]) == (AT, dt.datetime.fromisoformat("9999-12-31"))


def test_times_of_orc_that_spark_wrote_in_another_zone_are_the_same_instants(spark: SparkSession, tmp_path: Path):
    texts = ["2024-02-29T12:00:00Z", "2024-07-01T12:00:00Z", "2024-11-03T05:30:00Z", "2024-11-03T07:30:00Z"]
    values = ", ".join(f"({number}, timestamp'{text}')" for number, text in enumerate(texts))
    with clocks_in(spark, "America/New_York"):
        content = by_spark(spark, tmp_path, f"SELECT * FROM VALUES {values} AS t(id, at)", "orc")
        nested = by_spark(spark, tmp_path / "2", f"SELECT array(at) AS l FROM VALUES {values} AS t(id, at)", "orc")
    result = cleaned(spark, tmp_path, content, {"id": "int", "at": "timestamp"}, "orc")
    assert [(row["id"], row["at"]) for row in result.rows] == [
        (number, dt.datetime.fromisoformat(texts[number]).replace(tzinfo=None)) for number in (0, 1, 3)]
    [refused] = result.refused
    assert refused["reason"] == (
        "has a time in 'at' that occurred twice in America/New_York; ORC doesn't store which")
    assert json.loads(refused["record"])["id"] == 2
    with pytest.raises(DataError, match="column 'l' has nested times, .* time zone America/New_York"):
        cleaned(spark, tmp_path / "2", nested, {"l": "array<timestamp>"}, "orc")


@contextmanager
def clocks_in(spark: SparkSession, zone: str) -> Iterator[None]:
    """Spark as on a machine in that zone."""
    assert spark._jvm is not None
    zones = spark._jvm.java.util.TimeZone
    before = zones.getDefault()
    zones.setDefault(zones.getTimeZone(zone))
    try:
        yield
    finally:
        zones.setDefault(before)


def test_times_of_orc_that_hive_wrote_are_read_in_any_year_and_finer_ones_are_refused(
        spark: SparkSession, tmp_path: Path):
    """Written by ORC's own writer in Java, without Spark's metadata."""
    from py4j.java_gateway import get_field, set_field

    java = spark._jvm
    assert java is not None
    schema = java.org.apache.orc.TypeDescription.fromString("struct<id:int,at:timestamp>")
    conf = spark._jsc.hadoopConfiguration()
    writer = java.org.apache.orc.OrcFile.createWriter(
        java.org.apache.hadoop.fs.Path(str(tmp_path / "a.orc")), java.org.apache.orc.OrcFile.writerOptions(conf)
        .setSchema(schema))
    batch = schema.createRowBatch()
    ids, times = get_field(batch, "cols")
    for row, text in enumerate(("2024-02-29 23:59:58.123456", "9999-12-31 00:00:00", "2024-02-29 23:59:58.123456789")):
        get_field(ids, "vector")[row] = row
        times.set(row, java.java.sql.Timestamp.valueOf(text))
    set_field(batch, "size", 3)
    writer.addRowBatch(batch)
    writer.close()
    content = (tmp_path / "a.orc").read_bytes()
    result = cleaned(spark, tmp_path, content, {"id": "int", "at": "timestamp_ntz"}, "orc")
    assert result.rows == [{"id": 0, "at": AT}, {"id": 1, "at": dt.datetime.fromisoformat("9999-12-31")}]
    [refused] = result.refused
    assert refused["reason"] == "has digits below a microsecond in 'at'"
    assert json.loads(refused["record"]) == {"id": 2, "at": "2024-02-29 23:59:58.123456789"}


def test_each_row_of_several_row_groups_is_read_once(spark: SparkSession, tmp_path: Path):
    rows = 25_000
    times = np.arange(rows, dtype="int64") * 1000 + np.where(np.arange(rows) % 5000 == 4999, 1, 0)
    table = pa.table({"id": np.arange(rows), "at": pa.array(times, pa.timestamp("ns"))})
    files = {name: in_parquet(table.slice(start, 12_500), row_group_size=3000)
             for name, start in (("day=1/a", 0), ("day=2/a", 12_500))}
    result = clean_files(spark, tmp_path, files, columns={"id": "bigint", "at": "timestamp_ntz", "day": "int"},
                         form="parquet", options={})
    assert len(result.refused) == 5
    assert {json.loads(row["record"])["id"] for row in result.refused} == set(range(4999, rows, 5000))
    epoch = dt.datetime.fromisoformat("1970-01-01")
    good = sorted((row["id"], row["day"], (row["at"] - epoch) // dt.timedelta(microseconds=1)) for row in result.rows)
    assert good == [(number, 1 + number // 12_500, number) for number in range(rows) if number % 5000 != 4999]


def test_a_damaged_file_that_pyarrow_reads_is_named(spark: SparkSession, tmp_path: Path):
    whole = in_parquet(pa.table({"at": pa.array(range(0, 30_000_000, 1000), pa.timestamp("ns"))}), compression="gzip",
                       use_dictionary=False)
    damaged = whole[:200] + bytes(byte ^ 0xFF for byte in whole[200:400]) + whole[400:]
    with pytest.raises(DataError, match="a b.x: is damaged within"):
        cleaned(spark, tmp_path, damaged, {"at": "timestamp"})


# ---- without Spark's help


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.sampled_from(["s", "ms", "us", "ns"]),
       st.sampled_from([pa.timestamp, pa.duration]))
def test_times_and_spans_are_the_same_count_of_microseconds_or_refused(values: list[int | None], unit: str, make: Any):
    from pyspark.sql.types import DayTimeIntervalType, TimestampNTZType

    kind = TimestampNTZType() if make is pa.timestamp else DayTimeIntervalType()
    taken, problems = to_spark(pa.array(values, pa.int64()).view(make(unit)), kind)
    nanos = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    for row, (value, micros) in enumerate(zip(values, taken.view(pa.int64()).to_pylist(), strict=True)):
        if value is None:
            assert micros is None
            assert row not in problems
        elif row in problems:
            assert micros is None
            assert value * nanos % 1000 or not -(2**63) < value * nanos // 1000 < 2**63
        else:
            assert micros * 1000 == value * nanos


@given(st.lists(st.none() | st.lists(st.none() | st.dictionaries(st.text(), st.none() | st.integers(0, 2**64 - 1)))))
def test_nested_values_are_rebuilt_unchanged(values: list[Any]):
    from pyspark.sql.types import DataType

    kind = pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.uint64()))]))
    rows = [row and [item if item is None else {"m": list(item.items())} for item in row] for row in values]
    array = pa.concat_arrays([pa.array([[{"m": [("x", 1)]}]], kind), pa.array(rows, kind)]).slice(1)
    taken, problems = to_spark(array, _type("array<struct<m:map<string,bigint>>>"))
    big = {row for row, lists in enumerate(rows) for item in lists or () for _, number in (item or {}).get("m", ())
           if number is not None and number >= 2**63}
    assert set(problems) == big
    assert [taken[row].as_py() for row in range(len(rows)) if row not in big] == [
        row for number, row in enumerate(rows) if number not in big]
    assert isinstance(_type("array<int>"), DataType)


@given(st.lists(st.none() | st.integers(-(2**63) // 1000 * 40, 2**63 // 1000 * 40)))
def test_digits_below_a_microsecond_are_detected_in_any_year(nanos: list[int | None]):
    """Also if a count of nanoseconds overflowed."""
    micros = pa.array([None if value is None else value // 1000 for value in nanos], pa.int64())
    wrapped = pa.array([None if value is None else (value + 2**63) % 2**64 - 2**63 for value in nanos], pa.int64())
    result = sub_microsecond_rows(micros.view(pa.timestamp("us")), wrapped.view(pa.timestamp("ns")))
    assert set(result) == {row for row, value in enumerate(nanos) if value is not None and value % 1000}


def _type(text: str) -> Any:
    """Spark's type, without Spark."""
    from pyspark.sql import types as T

    if text.startswith("array<int>"):
        return T.ArrayType(T.IntegerType())
    numbers = T.MapType(T.StringType(), T.LongType())
    return T.ArrayType(T.StructType([T.StructField("m", numbers)]))


@pytest.mark.parametrize(("write", "table"), [
    (in_parquet, pa.table([[1], [2], [3]], names=["id", "a", "A"])),
    (as_orc, pa.table([[1], [2], [3]], names=["id", "a", "a"])),
    (in_parquet, pa.table({"id": [1], "a": [{"X": 1, "x": 1}]}))], ids=["capitals", "twice", "within"])
def test_a_column_name_that_occurs_twice_is_refused_if_it_is_read(spark: SparkSession, tmp_path: Path, write: Any,
                                                                  table: pa.Table):
    content, form = write(table), "parquet" if write is in_parquet else "orc"
    kind = "struct<X:bigint,x:bigint>" if pa.types.is_struct(table.schema.types[1]) else "bigint"
    with pytest.raises(DataError, match="a b.x: has the columns '.' and '.', which Spark can't distinguish"):
        cleaned(spark, tmp_path / "1", content, {"id": "bigint", "a": kind}, form)
    assert cleaned(spark, tmp_path / "2", content, {"id": "bigint"}, form).rows == [{"id": 1}]
