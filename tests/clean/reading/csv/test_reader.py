"""CSV through Spark: what Python's csv and pandas write is read back exactly, also where a file is cut over tasks."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from laketrain.clean.reading import encoding, ranges
from laketrain.clean.reading.csv import reader
from laketrain.config.sources import FileSource
from laketrain.errors import DataError

from ....tables import ingest_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEADER = ["n", 'a "b"\nc', "d"]
Rows = list[list[str]]


def read(spark: SparkSession, folder: Path, files: Mapping[str, str | bytes], schema: Any,
         **options: Any) -> list[dict[str, Any]]:
    """The rows, each with its `file`, its `record` and `why` it is refused; counted as the reading counts them."""
    from laketrain.clean.reading import FILE, RECORD, REJECT, SETTINGS, open_raw
    from laketrain.spark.frames import configured

    source = FileSource.model_validate({"format": "csv", "path": str(folder / "landing"), "schema": schema,
                                        "options": {"header": True, **options}})
    raw = ingest_files(folder, files, source)
    with configured(spark, SETTINGS):
        reading = open_raw(spark, raw, source)
        rows = reading.frame.collect()
        assert reading.count() == len(rows)
    return [{name: row[name] for name in reading.pinned.names}
            | {"file": row[FILE], "record": row[RECORD], "why": row[REJECT] and row[REJECT]["reason"]} for row in rows]


def values(dice: random.Random, rows: int, letters: str) -> Rows:
    """Rows of random texts, numbered, so that none is empty."""
    def text() -> str:
        return "".join(dice.choice('"",;\n\r' + letters) for _ in range(dice.randrange(12)))

    return [[str(number), text(), text()] for number in range(rows)]


def in_csv(rows: Rows, line_end: str, quoting: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([HEADER, *rows])
    return text.getvalue()


def in_pandas(rows: Rows, line_end: str, quoting: Any) -> str:
    text = io.StringIO(newline="")
    pd.DataFrame(rows, columns=HEADER).to_csv(text, index=False, lineterminator=line_end, quoting=quoting)
    return text.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(("charset", "letters", "size"), [
    ("utf-8", " aé中\ufffd", 1 << 25), ("utf-8", " aé中\ufffd", 700), ("windows-1252", " aéß", 700),
    ("UTF-16", " aé中", 700),
], ids=["small", "cut", "cut, of another encoding", "two bytes a character"])
def test_what_python_and_pandas_write_is_read_back_exactly(
        spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charset: str, letters: str, size: int):
    # As if files of hundreds of bytes were large ones.
    monkeypatch.setattr(ranges, "RANGE", size)
    for module in (reader, encoding) if size < 1000 else ():
        monkeypatch.setattr(module, "HEAD", 64)
    monkeypatch.setattr(reader, "RANGE", size)
    dice = random.Random(size)
    tables = {f"{number}.csv": values(dice, 60, letters) for number in range(8)}
    # Alone in a value a carriage return is put in quotes by both only where it is a part of the line's end.
    ways = [(write, line_end, quoting) for write in (in_csv, in_pandas)
            for line_end, quoting in (("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL))]
    files = {name: ways[number % 4][0](rows, *ways[number % 4][1:]).encode(charset)
             for number, (name, rows) in enumerate(tables.items())}
    found: dict[str, Rows] = defaultdict(list)
    for row in read(spark, tmp_path, files, dict.fromkeys(HEADER, "string"), encoding=charset):
        assert row["why"] is None, row
        found[row["file"]].append([row[name] or "" for name in HEADER])
    assert {name: sorted(rows) for name, rows in found.items()} == {name: sorted(rows) for name, rows in tables.items()}


NAMES = {"id": "string", "label": "string", "text": "string"}


def test_a_line_break_in_quotes_is_part_of_its_value(spark: SparkSession, tmp_path: Path):
    files = {"in.csv": 'id,label,text\n1,a,"first half\nsecond half"\n2,b,ok\n',
             "v2.csv": 'id,label,text\n1,a,"first half\n9,b,looks fine"\n2,b,ok\n'}
    rows = read(spark, tmp_path, files, NAMES)
    assert sorted((row["file"], row["id"], row["text"], row["why"]) for row in rows) == [
        ("in.csv", "1", "first half\nsecond half", None), ("in.csv", "2", "ok", None),
        ("v2.csv", "1", "first half\n9,b,looks fine", None), ("v2.csv", "2", "ok", None)]


def test_a_doubled_quote_is_one_in_values_and_headers(spark: SparkSession, tmp_path: Path):
    rows = read(spark, tmp_path, {"a.csv": 'id,"the ""text"""\n1,"a ""good"" dog"\n2,"he said ""hi"", then left"\n'
                                           '3,C:\\dir\\\n4,5" pipe\n'}, "infer")
    assert [(row["id"], row['the "text"']) for row in rows] == [
        (1, 'a "good" dog'), (2, 'he said "hi", then left'), (3, "C:\\dir\\"), (4, '5" pipe')]
    backslash = read(spark, tmp_path, {"a.csv": 'id,text\n1,"a \\"good\\"\ndog"\n'}, {"id": "int", "text": "string"},
                     escape="\\")
    assert [(row["id"], row["text"]) for row in backslash] == [(1, 'a "good"\ndog')]


def test_a_record_that_is_none_is_refused_by_its_text_and_the_others_are_read(spark: SparkSession, tmp_path: Path):
    content = (b"id,label,text\n1,a,\"open\n2,b,ok\n3,b,\"x\"y\n4,b,\"two\nlines\",more\n5,b,caf\xe9\n6,b,\0\n"
               b"7,b,\xef\xbf\xbd\n")
    rows = read(spark, tmp_path, {"a.csv": content}, NAMES)
    assert [(row["record"], row["why"]) for row in rows if row["why"]] == [
        ('1,a,"open', "has a quote that is never closed"), ('3,b,"x"y', "has text after a closing quote"),
        ('4,b,"two\nlines",more', "isn't a csv record of 3 fields"), ("5,b,caf\ufffd", "holds bytes that aren't utf-8"),
        ("6,b,\0", "holds a zero byte")]
    assert [(row["id"], row["text"]) for row in rows if not row["why"]] == [("2", "ok"), ("7", "\ufffd")]


def test_a_quote_is_never_doubled_in_silence_beside_a_separator_of_two_characters(spark: SparkSession, tmp_path: Path):
    rows = read(spark, tmp_path, {"a.csv": 'id||x\n1||12"\n2||"12"""\n3||5" pipe\n'}, {"id": "int", "x": "string"},
                sep="||")
    assert [(row["id"], row["x"]) for row in rows if not row["why"]] == [(2, '12"'), (3, '5" pipe')]
    assert [row["record"] for row in rows if row["why"]] == ['1||12"']


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_record_of_another_width_is_refused_where_few_columns_are_wanted(spark: SparkSession, tmp_path: Path,
                                                                           packed: bool) -> None:
    text = b"id,amount,note,currency\n1,10,a,EUR\n2,20\n3,30,x,USD,EXTRA\n4\n"
    files = {"a.csv.gz": gzip.compress(text)} if packed else {"a.csv": text}
    found = read(spark, tmp_path, files, {"id": "int", "amount": "int"})
    assert {row["record"] for row in found if row["why"]} == {"2,20", "3,30,x,USD,EXTRA", "4"}
    assert [(row["id"], row["amount"]) for row in found if not row["why"]] == [(1, 10)]


def test_a_name_that_a_header_has_twice_matters_only_where_it_is_read(spark: SparkSession, tmp_path: Path) -> None:
    found = read(spark, tmp_path, {"a.csv": "id,name,name\n1,a,b\n"}, {"id": "string"})
    assert [(row["id"], row["why"]) for row in found] == [("1", None)]


def test_an_open_quote_in_a_header_names_the_file(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="has a quote that is never closed, in its header") as caught:
        read(spark, tmp_path, {"a.csv": 'id,"text\n1,a\n'}, "infer")
    assert caught.value.subject == "raw/table@1/a.csv"


def test_excels_own_first_line_is_told_with_the_option(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"starts with Excel's line sep=;, expected the header.*options.sep to ';'"):
        read(spark, tmp_path, {"a.csv": "sep=;\r\nid;n\r\n1;2\r\n"}, {"id": "string", "n": "int"})


@pytest.mark.parametrize("text", ["a", '"a\n7"'], ids=["lines", "records"])
def test_a_number_that_begins_with_a_zero_is_inferred_as_a_text(spark: SparkSession, tmp_path: Path, text: str):
    rows = read(spark, tmp_path, {"a.csv": f"zip,n,x,note\n01067,0,0.5,{text}\n10115,10,-0,b\n"}, "infer")
    assert [(row["zip"], row["n"], row["x"]) for row in rows] == [("01067", 0, 0.5), ("10115", 10, 0.0)]


@pytest.mark.slow
def test_labels_that_java_takes_for_numbers_are_inferred_as_texts(spark: SparkSession, tmp_path: Path):
    rows = read(spark, tmp_path, {"a.csv": "room,hall,bits,x\n1D,2f,0x1p3,1e5\n2.5F,3,4,Infinity\n"}, "infer")
    assert [(row["room"], row["hall"], row["bits"], row["x"]) for row in rows] == [
        ("1D", "2f", "0x1p3", 1e5), ("2.5F", "3", "4", float("inf"))]


def test_types_are_inferred_of_whole_records(spark: SparkSession, tmp_path: Path):
    rows = read(spark, tmp_path, {"a.csv": 'id,n,,text\n1,2.5,,"a\n7"\n2,3,,b\n', "b.csv": 'text,id,n\n"c\nd",3,4\n'},
                "infer")
    assert sorted((row["id"], row["n"], row["text"]) for row in rows) == [
        (1, 2.5, "a\n7"), (2, 3.0, "b"), (3, 4.0, "c\nd")]
