"""What is read of landed files: every record once, in the declared types, or why not. Never a wrong column."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from laketrain.config.sources import FIXED, FileSource
from laketrain.errors import DataError

from ...tables import clean_files, ingest_files, source_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Read = Callable[..., list[dict[str, Any]]]
TEXT = {"id": "string", "x": "string"}


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path) -> Read:
    """Lands files and reads them back: the columns, and `file`, `record` and `rule` of each row."""
    from laketrain.clean.reading import FILE, RECORD, REJECT, SETTINGS, read_raw
    from laketrain.spark.errors import translate_spark_errors
    from laketrain.spark.frames import configured

    def read_back(files: Mapping[str, str | bytes], columns: Mapping[str, str] = TEXT, form: str = "csv",
                  options: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        source = source_of(tmp_path / "landing", columns, form, options) if form not in FIXED else (
            FileSource.model_validate({"format": form, "path": str(tmp_path / "landing"),
                                       "options": dict(options or {})}))
        raw = ingest_files(tmp_path, files, source)
        with translate_spark_errors("clean", "table 'table'"), configured(spark, SETTINGS):
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
    ("id,y", "has no column 'x', but id, y"), ("id", "has no column 'x', but id"), ("id,id,x", "the column 'id' twice"),
])
def test_a_header_other_than_declared_is_refused_not_misread(read: Read, header: str, said: str):
    values = ",".join("1" for _ in header.split(","))
    with pytest.raises(DataError) as caught:
        read({"good.csv": "id,x\n1,2\n", "other.csv": f"{header}\n{values}\n"})
    assert said in caught.value.problem
    assert caught.value.subject == "raw/table@1/other.csv"


def test_columns_of_a_csv_are_found_by_name_in_any_order(read: Read):
    rows = read({"a.csv": "id,x\n1,a\n", "b.csv": 'X,"id"\nb,2\n', "c.csv": ",id,colour,x\n0,3,red,c\n"})
    assert sorted((row["id"], row["x"]) for row in rows) == [("1", "a"), ("2", "b"), ("3", "c")]


def test_dialects_of_a_csv_are_read(read: Read):
    rows = read({"a.csv": "id||x\n1||'a||b'\n"}, options={"header": True, "sep": "||", "quote": "'"})
    assert [(row["id"], row["x"]) for row in rows] == [("1", "a||b")]
    rows = read({"a.csv": "# made by hand\nid;x\n1;'a;b'\n"},
                options={"header": True, "delimiter": ";", "quote": "'", "comment": "#"})
    assert [(row["id"], row["x"]) for row in rows] == [("1", "a;b")]


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252", "UTF-16", "GB18030"])
def test_a_csv_is_read_in_its_encoding(read: Read, encoding: str):
    word = "中文" if encoding == "GB18030" else "Zürich"
    content = f"id,x\n1,{word}\n2,b\n".encode(encoding)
    rows = read({"a.csv": content}, options={"header": True, "encoding": encoding, "multiLine": True})
    assert [(row["id"], row["x"], row["rule"]) for row in rows] == [("1", word, None), ("2", "b", None)]


@pytest.mark.parametrize(("form", "said"), [
    ("windows-1252", "has the invalid byte 0xfc at 8, and 3 more"),
    ("UTF-16", "starts with the byte order mark of UTF-16"),
    ("UTF-16LE", "has a zero byte at 1"),
])
def test_a_csv_in_another_encoding_is_named_not_mangled(read: Read, form: str, said: str):
    with pytest.raises(DataError) as caught:
        read({"a.csv": "id,x\n1,ü\n", "b.csv": "id,x\n1,Zürich\n2,Köln\n3,Genève\n4,Malmö\n".encode(form)})
    assert (caught.value.subject, caught.value.problem) == ("raw/table@1/b.csv", f"is not utf-8: {said}")
    assert f"it reads as {form.removesuffix('LE')}" in caught.value.hint


def test_a_stray_byte_makes_its_line_unreadable(read: Read):
    rows = read({"a.csv": b"id,x\n1,a\n2,b\xff\n3,c\n"})
    assert [(row["id"], row["rule"]) for row in rows] == [("1", None), ("2", "readable"), ("3", None)]


def test_options_can_t_make_records_disappear(read: Read):
    options = {"header": True, "mode": "permissive", "enforceSchema": True, "columnNameOfCorruptRecord": "x"}
    assert [row["rule"] for row in read({"a.csv": "id,x\n1,2\n3\n"}, options=options)] == [None, "readable"]
    assert [row["x"] for row in read({"a.csv": "x,id\n1,2\n"}, options=options)] == ["1"]


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
    ({"id": ["1"], "x": pa.array([3], pa.uint8())}, "column 'x' is uint8, expected string"),
    ({"id": ["1"], "x": pa.array([3], pa.timestamp("ns"))}, "column 'x' is timestamp[ns], expected string"),
    ({"id": ["1"], "x": pa.array([3], pa.duration("ms"))}, "column 'x' is duration[ms], expected string"),
    ({"id": ["1"], "X": ["3"]}, "has no column 'x', but id, X"),
], ids=["number", "list", "unsigned", "nanoseconds", "duration", "another name"])
def test_a_file_whose_schema_drifted_is_named(read: Read, columns: dict[str, Any], said: str):
    with pytest.raises(DataError) as caught:
        read({"a.parquet": parquet(id=["1"], x=["2"]), "b.parquet": parquet(**columns)}, form="parquet", options={})
    assert (caught.value.subject, caught.value.problem) == ("raw/table@1/b.parquet", said)


WHOLE = parquet(id=[str(number) for number in range(3000)], x=[str(number**3) for number in range(3000)])


def as_orc(**columns: Any) -> bytes:
    content = io.BytesIO()
    orc.write_table(pa.table(columns), content, compression="zlib")
    return content.getvalue()


WHOLE_ORC = as_orc(id=[str(number) for number in range(3000)], x=[str(number**3) for number in range(3000)])


@pytest.mark.parametrize(("form", "whole"), [("parquet", WHOLE), ("orc", WHOLE_ORC)])
@pytest.mark.parametrize("spoilt", ["half", "all but a byte", "empty", "CSV"])
def test_a_truncated_file_is_named(read: Read, form: str, whole: bytes, spoilt: str):
    content = {"half": whole[: len(whole) // 2], "all but a byte": whole[:-1], "empty": b"", "CSV": b"id,x\n1,2\n"}
    with pytest.raises(DataError, match="isn't a readable (Parquet|ORC) file") as caught:
        read({"a": whole, "b": content[spoilt]}, form=form, options={})
    assert caught.value.subject == "raw/table@1/b"


def test_orc_is_read_in_the_declared_types(read: Read):
    rows = read({"a.orc": WHOLE_ORC}, form="orc", options={})
    assert [(row["id"], row["x"], row["file"]) for row in rows[:2]] == [("0", "0", "a.orc"), ("1", "1", "a.orc")]
    assert len(rows) == 3000


def test_an_orc_file_that_is_damaged_within_is_named(read: Read):
    damaged = WHOLE_ORC[:200] + bytes(byte ^ 255 for byte in WHOLE_ORC[200:9000]) + WHOLE_ORC[9000:]
    with pytest.raises(DataError, match=r"b\.orc"):
        read({"a.orc": WHOLE_ORC, "b.orc": damaged}, form="orc", options={})


def test_a_parquet_file_that_is_damaged_within_is_named(read: Read):
    damaged = WHOLE[:2000] + bytes(byte ^ 255 for byte in WHOLE[2000:9000]) + WHOLE[9000:]
    with pytest.raises(DataError, match=r"/b\.parquet: "):
        read({"a.parquet": WHOLE, "b.parquet": damaged}, form="parquet", options={})


# ---- Text


def test_text_is_a_row_a_line_and_other_bytes_are_refused(read: Read):
    rows = read({"a.txt": "one\n\nzwei ü\n".encode() + b"bad \xff\n"}, {"text": "string"}, "text", {})
    assert [(row["text"], row["rule"]) for row in rows] == [
        ("one", None), ("", None), ("zwei ü", None), ("bad \ufffd", "readable")]


def test_text_in_another_encoding_is_refused_with_a_way_out_that_works(read: Read):
    content = "Zürich, Köln\nGenève, Malmö\n".encode("windows-1252")
    with pytest.raises(DataError, match=r"b\.txt: is not utf-8: has the invalid byte 0xfc at 1, and 3 more") as caught:
        read({"a.txt": "x\n", "b.txt": content}, {"text": "string"}, "text", {})
    assert caught.value.hint == (
        "it reads as windows-1252: convert the file to utf-8, or read it as csv of one column, by a separator that it "
        "doesn't have, in options.encoding windows-1252")
    rows = read({"b.txt": content}, {"text": "string"}, "csv", {"sep": "\x01", "quote": "", "encoding": "windows-1252"})
    assert [row["text"] for row in rows] == ["Zürich, Köln", "Genève, Malmö"]


@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_stray_bytes_among_more_characters_that_read_right_refuse_their_records_alone(read: Read, form: str):
    lines = [b"gr\xc3\xbc\xc3\x9fe"] * 5 + [b"a\xff", b"b\xfe", b"c\x80", b"\xe9d"] + [b"ok"]
    packed = [b'{"text":"%s"}' % line if form == "json" else line for line in lines]
    rows = read({"a.txt": b"\n".join(packed) + b"\n"}, {"text": "string"}, form, {})
    assert [row["rule"] for row in rows] == [None] * 5 + ["readable"] * 4 + [None]


def test_whole_text_is_a_row_a_file_also_where_the_file_is_empty_and_a_stray_byte_refuses_its_file_alone(read: Read):
    files = {"a.txt": "one\ntwo\r\n", "b.txt": b"bad \xff byte\nmore\n", "c/empty.txt": "", "d.txt": "zwei ü",
             "e.txt.gz": gzip.compress(b"packed\ntext\n"), "f.txt.gz": gzip.compress(b"")}
    rows = read(files, {"text": "string"}, "text", {"wholeText": True})
    assert sorted((row["file"], row["text"], row["rule"]) for row in rows) == [
        ("a.txt", "one\ntwo\r\n", None), ("b.txt", "bad \ufffd byte\nmore\n", "readable"), ("c/empty.txt", "", None),
        ("d.txt", "zwei ü", None), ("e.txt.gz", "packed\ntext\n", None), ("f.txt.gz", "", None)]


def test_whole_text_of_empty_files_alone_is_a_row_each(read: Read):
    rows = read({"a.txt": "", "b.txt": ""}, {"text": "string"}, "text", {"wholetext": "true"})
    assert sorted((row["file"], row["text"], row["rule"]) for row in rows) == [("a.txt", "", None), ("b.txt", "", None)]
    assert read({"a.txt": ""}, {"text": "string"}, "text", {}) == []


# ---- Compressed text


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "GZ": gzip.compress, "bz2": bz2.compress, "deflate": zlib.compress}
SAME = {"csv": ("id,x\n1,ü\n2\n3,c\n", {"header": True}), "json": ('{"id":"1","x":"ü"}\n2\n{"id":"3","x":"c"}\n', {})}


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("ending", COMPRESSED)
def test_compressed_text_is_a_clean_table_as_plain_text_is(spark: SparkSession, tmp_path: Path, form: str, ending: str):
    content, options = SAME[form]
    packed = COMPRESSED[ending](content.encode())
    assert b"\0" in packed
    found = clean_files(spark, tmp_path, {f"a.{form}.{ending}": packed, f"b.{form}": content}, columns=TEXT, form=form,
                        options=options)
    assert sorted((row["id"], row["x"]) for row in found.rows) == [("1", "ü"), ("1", "ü"), ("3", "c"), ("3", "c")]
    assert sorted((row["file"], row["rule"], row["record"]) for row in found.refused) == [
        (f"a.{form}.{ending}", "readable", "2"), (f"b.{form}", "readable", "2")]
    assert found.version.entry.counts["in"] == 6


def test_lines_of_compressed_text_are_read_too(read: Read):
    rows = read({"a.txt.gz": gzip.compress("one\nzwei ü\n".encode())}, {"text": "string"}, "text", {})
    assert [(row["text"], row["file"]) for row in rows] == [("one", "a.txt.gz"), ("zwei ü", "a.txt.gz")]


@pytest.mark.parametrize(("name", "content", "said"), [
    ("b.csv.gz", gzip.compress(b"id,x\n1,2\n")[:-9], "isn't a readable .gz file: Compressed file ended before"),
    ("b.csv.bz2", b"id,x\n1,2\n", "isn't a readable .bz2 file: Invalid data stream"),
    ("b.csv.deflate", b"id,x\n1,2\n", "isn't a readable .deflate file: Error -3"),
    ("b.csv.gz", gzip.compress("id,x\n1,Zürich\n2,Köln\n3,Genève\n4,Malmö\n".encode("windows-1252")),
     "is not utf-8: has the invalid byte 0xfc at 8, and 3 more"),
    ("b.csv.zst", b"(\xb5/\xfd", "is compressed as .zst, expected plain text or .gz, .bz2, .deflate"),
    ("b.csv.zip", b"PK\x03\x04", "is compressed as .zip, expected plain text or .gz, .bz2, .deflate"),
], ids=["cut", "none", "none of zlib", "another encoding", "another kind", "an archive"])
def test_compressed_text_that_can_not_be_read_is_named(read: Read, name: str, content: bytes, said: str):
    with pytest.raises(DataError) as caught:
        read({"a.csv": "id,x\n1,2\n", name: content})
    assert caught.value.subject == f"raw/table@1/{name}"
    assert caught.value.problem.startswith(said)


@pytest.mark.parametrize("damage", ["cut", "altered"])
@pytest.mark.parametrize("ending", ["gz", "bz2", "deflate"])
def test_compressed_text_that_is_damaged_far_behind_its_beginning_is_named_with_the_way_out(
        read: Read, ending: str, damage: str):
    text = b"".join(b"%x %d\n" % (number * 2654435761 % 4294967296, number) for number in range(150_000))
    packed = COMPRESSED[ending](text)
    place = len(packed) - len(packed) // 10
    damaged = packed[:place] + (b"" if damage == "cut" else bytes(64) + packed[place + 64:])
    with pytest.raises(DataError) as caught:
        read({"a.txt": "x\n", f"day 1/b [1].txt.{ending}": damaged}, {"text": "string"}, "text", {})
    assert caught.value.problem.startswith(f"the file day 1/b %5B1%5D.txt.{ending} of raw/table is damaged: ")
    assert caught.value.hint == "land a whole file, then ingest again"


# ---- Others


def test_any_other_format_is_read_by_spark_and_held_to_the_schema(read: Read):
    files = {"a.xml": "<all><row><id>1</id><x>a</x></row><row><id>2</id><x>b</x></row></all>"}
    rows = read(files, {"id": "bigint", "x": "string"}, "xml", {"rowTag": "row"})
    assert [(row["id"], row["x"], row["file"]) for row in rows] == [(1, "a", "a.xml"), (2, "b", "a.xml")]
    with pytest.raises(DataError, match="has no column 'y', but id, x"):
        read(files, {"id": "bigint", "y": "string"}, "xml", {"rowTag": "row"})


def test_a_format_that_the_session_lacks_is_named(read: Read):
    with pytest.raises(DataError, match="format 'geoparquet' of raw/table@1"):
        read({"a": "x"}, TEXT, "geoparquet", {})
