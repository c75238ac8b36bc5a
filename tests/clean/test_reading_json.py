"""JSON of several values a line or a file: all of them, or each refused with its text."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from laketrain.lake import Version

from ..tables import clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ID = {"id": "string"}


def strictly_read(version: Version) -> pd.DataFrame:
    """A table as pandas and pyarrow read it, who both decode every text."""
    frames = []
    for file in version.entry.files:
        content = version.lake.store.read(version.path(file.path))
        table = pq.read_table(io.BytesIO(content))
        table.validate(full=True)
        frames.append(pd.read_parquet(io.BytesIO(content)))
        assert len(frames[-1]) == len(table.to_pylist())
    return pd.concat(frames)


@pytest.mark.slow
def test_all_values_of_a_file_are_read_and_what_is_none_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    found = clean_files(spark, tmp_path, {
        "a.json": '{"id":"1"}\n{"id":"2"}\n{"id":"3"}\n',
        "b.json": '\ufeff[\n  {"id": "4"},\n  {"id": "5"}\n]\n{\n  "id": "6"\n}{"id":"}7"} xyz {"id":"8"}',
        "c.json.gz": gzip.compress('{"id":"9","other":[{}]}\n{"id":"é'.encode()),
        "d.json": "", "e.json": " \n", "f.json": "[]",
        "g.json": b'{"id":"caf\xe9"}{"id":"caf\\ufffd"}{"id":"caf\xef\xbf\xbd"}',
    }, columns=ID, form="json", options={"multiLine": True})
    assert sorted(row["id"] for row in found.rows) == sorted([*"12345689", "}7", "caf\ufffd", "caf\ufffd"])
    refused = {(row["file"], row["record"]): row["reason"] for row in found.refused}
    assert refused == {
        ("b.json", "xyz"): "is no JSON object, on line 7",
        ("c.json.gz", '{"id":"é'): "is no whole JSON value: on line 2 the text ends before it is closed",
        ("g.json", '{"id":"caf\ufffd"}'): "holds the byte 0xE9, which is no UTF-8",
    }
    assert found.version.entry.counts["in"] == 14


@pytest.mark.slow
def test_a_line_is_read_whole_or_refused_whole(spark: SparkSession, tmp_path: Path) -> None:
    found = clean_files(spark, tmp_path, {
        "plain.json": '{"id":"1"}\n\n{"id":"2","more":{"a":["}{"]}} \n{broken\n{\n',
        "odd.json": "\n".join([
            '{"id":"3"}{"id":"4"}', '{"id":"5"} xyz', '{"id":"6"},', '{"id":"7"}}', "3", "null", '"x"', "  ",
            '[{"id":"8"},{"id":"9"}]', '[{"id":"10"}] [{"id":"11"}]', '[{"id":"12"},null]', "[]", '{"id":"\\ud83d"}',
            '{"id":"\\ud83d\\ude00"}', '{"id":"\\\\ud83d"}', '{"id":"13","at":1}',
            '{"id":"14"},"x":1', '{"id":"15"}],"x":[2', '{"id":"16"},"_laketrain_value":{"id":"17"}']),
    }, columns=ID, form="json")
    assert sorted(row["id"] for row in found.rows) == sorted(
        ["1", "2", "8", "9", "12", "\U0001f600", "\\ud83d", "13"])
    reasons = {row["record"]: row["reason"] for row in found.refused}
    more, none = "goes on after its first JSON value", "is no json record of 1 fields"
    assert reasons == {
        '{"id":"3"}{"id":"4"}': more, '{"id":"5"} xyz': more, '{"id":"6"},': more, '{"id":"7"}}': more, "3": none,
        '{"id":"14"},"x":1': more, '{"id":"15"}],"x":[2': more, '{"id":"16"},"_laketrain_value":{"id":"17"}': more,
        "null": none, '"x"': none, '[{"id":"10"}] [{"id":"11"}]': none,
        '[{"id":"12"},null]': f"has an element that {none}", '{"id":"\\ud83d"}':
        "holds half of a surrogate pair, which is no character", "{broken": none, "{":
        "is a part of a record of several lines, which options.multiLine: true reads"}
    assert found.version.entry.counts["in"] == len(found.rows) + len(found.refused)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"multiLine": True}, {"allowComments": True}])
def test_a_reason_names_the_column_whose_value_is_of_another_type(
        spark: SparkSession, tmp_path: Path, options: dict[str, object]) -> None:
    columns = {"id": "string", "n": "int", "ok": "boolean", "tags": "array<string>"}
    texts = {'{"id":"1","n":"5","ok":1}': ": no int in 'n'", '{"id":"2","n":1,"ok":"yes"}': ": no boolean in 'ok'",
             '{"id":"3","tags":"a"}': ": no array in 'tags'", '{"id":"4","n":2147483648}': ": no int in 'n'",
             '["5"]': ""}
    found = clean_files(spark, tmp_path, {"a.json": "\n".join([*texts, '{"id":"6","n":1}'])}, columns=columns,
                        form="json", options=options)
    assert [(row["id"], row["n"]) for row in found.rows] == [("6", 1)]
    shape = "is no json record of id string, n int, ok boolean, tags array<string>"
    reasons = {row["record"]: row["reason"] for row in found.refused}
    assert {text: reasons.pop(text, None) for text, why in texts.items() if why} == {
        text: shape + why for text, why in texts.items() if why}
    assert not any(": no" in reason for reason in reasons.values())


@pytest.mark.slow
@pytest.mark.parametrize(("form", "content", "options", "good", "refused"), [
    ("json", b'{"id":"caf\xef\xbf\xbd"}\n{"id":"caf\\ufffd"}\n{"id":"ok"}\n{"id":"\xef\xbf\xbd\xe9"}\n', {},
     ["caf\ufffd", "caf\ufffd", "ok"], ("holds the byte 0xE9 at 10, which isn't UTF-8", '{"id":"\ufffd\ufffd"}')),
    ("json", '{"id":"é"}\n{"id":"\\ufffd"}\n{"id":"1"}{"id":"2"}\n'.encode("latin-1"),
     {"encoding": "ISO-8859-1", "lineSep": "\n"}, ["é", "\ufffd"],
     ("goes on after its first JSON value", '{"id":"1"}{"id":"2"}')),
    ("csv", b"id\nok\ncaf\xe9\n", {"header": True}, ["ok"], None),
])
def test_a_stray_byte_is_refused_a_genuine_sign_for_one_stays_and_all_readers_take_the_quarantine(
        spark: SparkSession, tmp_path: Path, form: str, content: bytes, options: dict[str, object], good: list[str],
        refused: tuple[str, str] | None) -> None:
    found = clean_files(spark, tmp_path, {f"a.{form}": content}, columns=ID, form=form, options=options)
    assert list(strictly_read(found.version)["id"]) == good
    quarantine = found.version.lake.table("quarantine", "table").latest()
    assert quarantine is not None
    [row] = strictly_read(quarantine).itertuples()
    assert "\ufffd" in row.record or form == "json"
    assert refused is None or (row.reason, row.record) == refused


@pytest.mark.slow
def test_bytes_that_a_rule_or_another_writer_made_a_text_are_refused_at_any_depth(
        spark: SparkSession, tmp_path: Path) -> None:
    made = "cast(unhex(x) as string)"
    found = clean_files(spark, tmp_path, {"a.json": '{"x":"41"}\n{"x":"e9"}\n'}, columns={"x": "string"}, form="json",
                        rules=[{"derive": {"column": "y", "type": "map<string,array<string>>",
                                           "sql": f"map({made}, array({made}))"}},
                               {"derive": {"column": "z", "type": "string", "sql": made}}])
    assert strictly_read(found.version)["z"].tolist() == ["A"]
    quarantine = found.version.lake.table("quarantine", "table").latest()
    assert quarantine is not None
    assert strictly_read(quarantine)[["rule", "reason"]].values.tolist() == [
        ["readable", "has bytes in y that aren't UTF-8"]]
