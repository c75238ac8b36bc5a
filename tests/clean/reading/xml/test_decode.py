"""Encodings of XML files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .cases import PROLOG, cleaned, refusals

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16", "Shift_JIS", "UTF-8-sig"])
def test_a_file_is_read_in_its_declared_encoding(spark: SparkSession, tmp_path: Path, encoding: str):
    word = "日本" if encoding == "Shift_JIS" else "café"
    text = f"{PROLOG.format(encoding.removesuffix('-sig'))}<r><b><s>{word}</s></b></r>".encode(encoding)
    assert cleaned(spark, tmp_path, {"a.xml": text}).rows == [{"s": word}]
    assert cleaned(spark, tmp_path / "gz", {"a.xml.gz": gzip.compress(text)}).rows == [{"s": word}]


def test_an_invalid_byte_only_affects_its_own_record(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, {"a.xml": b"<r><b><s>caf\xe9</s></b><b><s>x</s></b></r>"})
    assert table.rows == [{"s": "x"}]
    assert refusals(table) == [("<b><s>caf\ufffd</s></b>", "holds the byte 0xE9, which isn't UTF-8")]
