"""JSON with several values in a line or a file: each is read, or refused with its text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from laketrain.lake import Version

from ....tables import clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ID = {"id": "string"}


def strictly_read(version: Version) -> pd.DataFrame:
    """A table as pandas and pyarrow read it; both decode every string."""
    frames = []
    for file in version.entry.files:
        content = version.lake.store.read(version.path(file.path))
        table = pq.read_table(io.BytesIO(content))
        table.validate(full=True)
        frames.append(pd.read_parquet(io.BytesIO(content)))
        assert len(frames[-1]) == len(table.to_pylist())
    return pd.concat(frames)


@pytest.mark.slow
def test_a_line_is_read_whole_or_refused_whole(spark: SparkSession, tmp_path: Path) -> None:
    table = clean_files(spark, tmp_path, {
        "plain.json": '{"id":"1"}\n\n{"id":"2","more":{"a":["}{"]}} \n{broken\n{\n',
        "odd.json": "\n".join([
            '{"id":"3"}{"id":"4"}', '{"id":"5"} xyz', '{"id":"6"},', '{"id":"7"}}', "3", "null", '"x"', "  ",
            '[{"id":"8"},{"id":"9"}]', '[{"id":"10"}] [{"id":"11"}]', '[{"id":"12"},null]', "[]", '{"id":"\\ud83d"}',
            '{"id":"\\ud83d\\ude00"}', '{"id":"\\\\ud83d"}', '{"id":"13","at":1}',
            '{"id":"14"},"x":1', '{"id":"15"}],"x":[2', '{"id":"16"},"_laketrain_value":{"id":"17"}']),
    }, columns=ID, form="json")
    assert sorted(row["id"] for row in table.rows) == sorted(
        ["1", "2", "8", "9", "12", "\U0001f600", "\\ud83d", "13"])
    reasons = {row["record"]: row["reason"] for row in table.refused}
    more, mismatch = "continues after its first JSON value", "isn't a json record of 1 fields"
    assert reasons == {
        '{"id":"3"}{"id":"4"}': more, '{"id":"5"} xyz': more, '{"id":"6"},': more, '{"id":"7"}}': more, "3": mismatch,
        '{"id":"14"},"x":1': more, '{"id":"15"}],"x":[2': more, '{"id":"16"},"_laketrain_value":{"id":"17"}': more,
        "null": mismatch, '"x"': mismatch, '[{"id":"10"}] [{"id":"11"}]': mismatch,
        '[{"id":"12"},null]': f"has an element that {mismatch}", '{"id":"\\ud83d"}':
        "contains half of a surrogate pair, which isn't a character", "{broken": mismatch, "{":
        "is part of a record of several lines, which options.multiLine: true reads"}
    assert table.version.entry.counts["in"] == len(table.rows) + len(table.refused)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "content", "options", "good", "refused"), [
    ("json", b'{"id":"caf\xef\xbf\xbd"}\n{"id":"caf\\ufffd"}\n{"id":"ok"}\n{"id":"\xef\xbf\xbd\xe9"}\n', {},
     ["caf\ufffd", "caf\ufffd", "ok"], ("holds the byte 0xE9 at 10, which isn't UTF-8", '{"id":"\ufffd\ufffd"}')),
    ("json", '{"id":"é"}\n{"id":"\\ufffd"}\n{"id":"1"}{"id":"2"}\n'.encode("latin-1"),
     {"encoding": "ISO-8859-1", "lineSep": "\n"}, ["é", "\ufffd"],
     ("continues after its first JSON value", '{"id":"1"}{"id":"2"}')),
    ("csv", b"id\nok\ncaf\xe9\n", {"header": True}, ["ok"], None),
])
def test_an_invalid_byte_is_refused_a_genuine_u_fffd_is_kept_and_the_quarantine_is_readable(
        spark: SparkSession, tmp_path: Path, form: str, content: bytes, options: dict[str, object], good: list[str],
        refused: tuple[str, str] | None) -> None:
    table = clean_files(spark, tmp_path, {f"a.{form}": content}, columns=ID, form=form, options=options)
    assert list(strictly_read(table.version)["id"]) == good
    quarantine = table.version.lake.table("quarantine", "table").latest()
    assert quarantine is not None
    [row] = strictly_read(quarantine).itertuples()
    assert "\ufffd" in row.record or form == "json"
    assert refused is None or (row.reason, row.record) == refused


@pytest.mark.slow
def test_invalid_bytes_from_a_rule_or_another_writer_are_refused_at_any_depth(
        spark: SparkSession, tmp_path: Path) -> None:
    cast = "cast(unhex(x) as string)"
    table = clean_files(spark, tmp_path, {"a.json": '{"x":"41"}\n{"x":"e9"}\n'}, columns={"x": "string"}, form="json",
                        rules=[{"derive": {"column": "y", "type": "map<string,array<string>>",
                                           "sql": f"map({cast}, array({cast}))"}},
                               {"derive": {"column": "z", "type": "string", "sql": cast}}])
    assert strictly_read(table.version)["z"].tolist() == ["A"]
    quarantine = table.version.lake.table("quarantine", "table").latest()
    assert quarantine is not None
    assert strictly_read(quarantine)[["rule", "reason"]].values.tolist() == [
        ["readable", "has bytes in y that aren't UTF-8"]]
