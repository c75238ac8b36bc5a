"""JSON files with `multiLine: true`: each value is read, or refused with its text."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ....tables import clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.slow
def test_all_values_of_a_file_are_read_and_other_text_is_refused_with_the_file_s_name(
        spark: SparkSession, tmp_path: Path) -> None:
    table = clean_files(spark, tmp_path, {
        "a.json": '{"id":"1"}\n{"id":"2"}\n{"id":"3"}\n',
        "b.json": '\ufeff[\n  {"id": "4"},\n  {"id": "5"}\n]\n{\n  "id": "6"\n}{"id":"}7"} xyz {"id":"8"}',
        "c.json.gz": gzip.compress('{"id":"9","other":[{}]}\n{"id":"é'.encode()),
        "d.json": "", "e.json": " \n", "f.json": "[]",
        "g.json": b'{"id":"caf\xe9"}{"id":"caf\\ufffd"}{"id":"caf\xef\xbf\xbd"}',
    }, columns={"id": "string"}, form="json", options={"multiLine": True})
    assert sorted(row["id"] for row in table.rows) == sorted([*"12345689", "}7", "caf\ufffd", "caf\ufffd"])
    refused = {(row["file"], row["record"]): row["reason"] for row in table.refused}
    assert refused == {
        ("b.json", "xyz"): "isn't a JSON object, on line 7",
        ("c.json.gz", '{"id":"é'): "isn't a complete JSON value: on line 2 the text ends before it is closed",
        ("g.json", '{"id":"caf\ufffd"}'): "holds the byte 0xE9, which isn't UTF-8",
    }
    assert table.version.entry.counts["in"] == 14
