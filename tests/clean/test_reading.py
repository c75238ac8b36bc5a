"""What is read of landed files: every record once, in the declared types, or why not. Never a wrong column."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.errors import DataError

from ..tables import ingest_files, source_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Read = Callable[..., list[dict[str, Any]]]
TEXT = {"id": "string", "x": "string"}


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path) -> Read:
    """Lands files and reads them back: the columns, and `file`, `record` and `rule` of each row."""
    from laketrain.clean.reading import FILE, RECORD, REJECT, read_raw
    from laketrain.spark.errors import explained

    def read_back(files: Mapping[str, str | bytes], columns: Mapping[str, str] = TEXT, form: str = "csv",
                  options: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        source = source_of(tmp_path / "landing", columns, form, options)
        raw = ingest_files(tmp_path, files, source)
        with explained("clean", "table 'table'"):
            rows = read_raw(spark, raw, source).collect()
        return [{name: row[name] for name in columns} | {"file": row[FILE], "record": row[RECORD]}
                | {"rule": row[REJECT] and row[REJECT]["rule"]} for row in rows]

    return read_back


def parquet(**columns: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


# ---- CSV


def test_a_line_with_too_few_or_too_many_fields_is_unreadable_and_kept_as_it_came(read: Read):
    rows = read({"a.csv": "id,x\n1,a\n2\n3,b,c\n\n4,\n,\n"})
    assert [(row["record"], row["rule"]) for row in rows] == [
        ('{"id":"1","x":"a"}', None), ("2", "readable"), ("3,b,c", "readable"), ('{"id":"4"}', None), ("{}", None)]
    assert {row["file"] for row in rows} == {"a.csv"}


def test_quotes_commas_and_capitals_in_a_csv_are_fine(read: Read):
    rows = read({"a.csv": '\ufeffID,X\n1,"a, b"\n2,"say ""hi"""\n'}, options={"header": True, "escape": '"'})
    assert [(row["id"], row["x"]) for row in rows] == [("1", "a, b"), ("2", 'say "hi"')]


def test_a_csv_without_a_header_is_read_by_place(read: Read):
    rows = read({"a.tsv": "1\ta\n2\tb\n"}, options={"sep": "\t"})
    assert [(row["id"], row["x"]) for row in rows] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(("header", "said"), [
    ("x,id", "Header: x, id; Schema: id, x; Expected: id but found: x"),
    ("id,y", "Header: id, y; Schema: id, x; Expected: x but found: y"),
    ("id", "Header length: 1, schema size: 2"),
    ("id,x,y", "Header length: 3, schema size: 2"),
])
def test_a_header_other_than_declared_is_refused_not_misread(read: Read, header: str, said: str):
    values = ",".join("1" for _ in header.split(","))
    with pytest.raises(DataError) as caught:
        read({"good.csv": "id,x\n1,2\n", "other.csv": f"{header}\n{values}\n"})
    assert said in caught.value.problem
    assert "other.csv" in caught.value.problem
    assert "good.csv" not in caught.value.problem


def test_options_can_t_make_records_disappear(read: Read):
    options = {"header": True, "mode": "DROPMALFORMED", "enforceSchema": True, "columnNameOfCorruptRecord": "x"}
    assert [row["rule"] for row in read({"a.csv": "id,x\n1,2\n3\n"}, options=options)] == [None, "readable"]
    with pytest.raises(DataError, match="CSV header does not conform"):
        read({"a.csv": "x,id\n1,2\n"}, options=options)


@pytest.mark.parametrize("content", ["", "id,x\n"], ids=["empty", "header alone"])
def test_a_csv_without_rows_has_none(read: Read, content: str):
    assert read({"a.csv": content}) == []
    assert len(read({"a.csv": content, "b.csv": "id,x\n1,2\n"})) == 1


def test_a_value_of_another_type_than_declared_makes_the_line_unreadable(read: Read):
    rows = read({"a.csv": "id,x\n1,7\n2,seven\n"}, {"id": "string", "x": "int"})
    assert [(row["x"], row["rule"], row["record"]) for row in rows] == [
        (7, None, '{"id":"1","x":7}'), (None, "readable", "2,seven")]


# ---- JSON


def test_what_is_no_json_object_is_unreadable(read: Read):
    lines = ['{"id": "1", "x": 7}', "{broken", '[{"id": "2"}', '"text"', '{"id": "3", "x": "seven"}',
             '{"id": "4", "y": 1}']
    rows = read({"a.json": "\n".join(lines)}, {"id": "string", "x": "int"}, "json", {})
    assert [(row["id"], row["rule"]) for row in rows] == [
        ("1", None), (None, "readable"), (None, "readable"), (None, "readable"), ("3", "readable"), ("4", None)]
    assert [row["record"] for row in rows[1:5]] == lines[1:5]


# ---- Parquet


def test_parquet_is_read_in_the_declared_types(read: Read):
    when = datetime(2026, 3, 9, 8, tzinfo=timezone.utc)
    content = parquet(
        id=["a"], text=pa.array(["b"], pa.large_string()), word=pa.array(["c"]).dictionary_encode(),
        bytes=pa.array([b"d"]), pixels=pa.array([[1, 2]], pa.list_(pa.int32())),
        small=pa.array([[3]], pa.list_(pa.uint8())), zoned=pa.array([when], pa.timestamp("us", "UTC")),
        naive=pa.array([when.replace(tzinfo=None)], pa.timestamp("us")),
        unsigned=pa.array([2**32 - 1], pa.uint32()), not_asked_for=pa.array([1], pa.time32("ms")))
    columns = {"id": "string", "text": "string", "word": "string", "bytes": "binary", "pixels": "array<int>",
               "small": "array<smallint>", "zoned": "timestamp", "naive": "timestamp", "unsigned": "bigint"}
    [row] = read({"a.parquet": content}, columns, "parquet", {})
    assert [row[name] for name in ("id", "text", "word", "bytes", "pixels", "small", "unsigned")] == [
        "a", "b", "c", b"d", [1, 2], [3], 2**32 - 1]
    assert row["zoned"] == row["naive"]


@pytest.mark.parametrize(("columns", "said"), [
    ({"id": ["1"], "x": pa.array([3])}, "column 'x' is bigint, expected string"),
    ({"id": ["1"], "x": pa.array([["3"]])}, "column 'x' is array<string>, expected string"),
    ({"id": ["1"], "x": pa.array([3], pa.uint8())}, "column 'x' is smallint, expected string"),
    ({"id": ["1"], "x": pa.array([3], pa.timestamp("ns"))}, "column 'x' is timestamp[ns], expected string"),
    ({"id": ["1"], "x": pa.array([3], pa.time32("ms"))}, "column 'x' is time32[ms], expected string"),
    ({"id": ["1"], "X": ["3"]}, "has no column 'x', but id, X"),
], ids=["number", "list", "unsigned", "nanoseconds", "time", "another name"])
def test_a_file_whose_schema_drifted_is_named(read: Read, columns: dict[str, Any], said: str):
    with pytest.raises(DataError) as caught:
        read({"a.parquet": parquet(id=["1"], x=["2"]), "b.parquet": parquet(**columns)}, form="parquet", options={})
    assert (caught.value.subject, caught.value.problem) == ("raw/table@1/b.parquet", said)


WHOLE = parquet(id=[str(number) for number in range(3000)], x=[str(number**3) for number in range(3000)])


@pytest.mark.parametrize("content", [WHOLE[: len(WHOLE) // 2], WHOLE[:-1], b"", b"id,x\n1,2\n"],
                         ids=["half", "all but a byte", "empty", "CSV"])
def test_a_truncated_parquet_file_is_named(read: Read, content: bytes):
    with pytest.raises(DataError, match="is no readable Parquet file") as caught:
        read({"a.parquet": WHOLE, "b.parquet": content}, form="parquet", options={})
    assert caught.value.subject == "raw/table@1/b.parquet"


def test_a_parquet_file_that_is_damaged_within_is_named(read: Read):
    damaged = WHOLE[:2000] + bytes(byte ^ 255 for byte in WHOLE[2000:9000]) + WHOLE[9000:]
    with pytest.raises(DataError, match=r"/b\.parquet: "):
        read({"a.parquet": WHOLE, "b.parquet": damaged}, form="parquet", options={})
