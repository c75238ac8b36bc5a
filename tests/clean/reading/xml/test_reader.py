"""XML: each record is read once, with its original values, or refused with the reason."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laketrain.errors import DataError

from .cases import PROLOG, cleaned, refusals

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_no_record_is_lost_after_one_that_is_never_closed(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, "<r><b><id>1</id></b><b><id>2<b><id>3</id></b><b><id>4</id></b></r>",
                    {"id": "string"})
    assert table.rows == [{"id": "1"}]
    assert [record for record, _ in refusals(table)] == ["<b><id>2", "<b><id>3</id></b>", "<b><id>4</id></b></r>"]
    assert table.version.entry.counts["in"] == 4


def test_a_truncated_file_is_reported(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, {"a.xml": "<r><b><id>1</id></b><b><id>2", "b.xml": "<r><b><id>3</id></b>"})
    assert table.rows == [{"id": "1"}, {"id": "3"}]
    assert refusals(table) == [("<b><id>2", "isn't well-formed XML: it ends on line 1, before <b> is closed"),
                               ("<r>", "isn't well-formed XML: it ends on line 1, before <r> is closed")]


def test_empty_records_are_records(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, "<r><b><id>1</id></b><b/><b></b><b/></r>")
    assert table.rows == [{"id": "1"}, {"id": None}, {"id": None}, {"id": None}]


def test_values_are_strings_with_their_original_text(spark: SparkSession, tmp_path: Path):
    number = "12345678901234567890123"
    table = cleaned(spark, tmp_path, f"<r><b><z>007</z><p>1.10</p><s> a </s><n>{number}</n><e/></b></r>")
    assert table.rows == [{"e": "", "n": number, "p": "1.10", "s": " a ", "z": "007"}]
    assert cleaned(spark, tmp_path / "2", "<r><b><z>007</z><p>1.10</p></b></r>", {"z": "string", "p": "string"}
                   ).rows == [{"z": "007", "p": "1.10"}]


def test_a_value_is_read_exactly_as_its_declared_type_or_its_row_is_refused(spark: SparkSession, tmp_path: Path):
    rows = [("1", "1.10", "2024-02-29T23:59:58.123456", "1.5"), ("2", "1.105", "2024-01-01", "2"),
            ("x", "1", "2024-01-01", "2"), ("3", "1", "2024-01-01 00:00:00.1234567", "2"),
            ("4", "1", "2024-01-01", "1e400"), ("", "", "", "")]
    files = "".join(f"<b><i>{i}</i><d>{d}</d><t>{t}</t><f>{f}</f></b>" for i, d, t, f in rows)
    columns = {"i": "int", "d": "decimal(5,2)", "t": "timestamp", "f": "double"}
    table = cleaned(spark, tmp_path, f"<r>{files}</r>", columns)
    assert table.rows == [
        {"i": 1, "d": Decimal("1.10"), "t": dt.datetime.fromisoformat("2024-02-29T23:59:58.123456"), "f": 1.5},
        {"i": None, "d": None, "t": None, "f": None}]
    assert [reason for _, reason in refusals(table)] == [
        "has more digits than decimal(5,2) holds in 'd'", "has no int in 'i'",
        "has digits below a microsecond in 't'", "has a number beyond double in 'f'"]
    assert json.loads(refusals(table)[0][0]) == {"i": "2", "d": "1.105", "t": "2024-01-01", "f": "2"}


def test_formats_from_the_options_apply_at_any_depth(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, "<r><b><d>1.2.2024</d><s><d>29.02.2024</d></s></b><b><d>2024-01-01</d></b></r>",
                    {"d": "date", "s": "struct<d:date>"}, dateFormat="d.M.yyyy")
    assert table.rows == [{"d": dt.date(2024, 2, 1), "s": {"d": dt.date(2024, 2, 29)}}]
    assert [reason for _, reason in refusals(table)] == ["has no date in 'd'"]


@pytest.mark.parametrize(("content", "problem"), [
    ("<r><book><id>1</id></book></r>", "has no element <b>, but <book>, <id>"), ("", "has no element"),
    ("hello", "isn't well-formed XML: syntax error"), (PROLOG.format("UTF-16") + "<r><b/></r>", "its first line isn't"),
    (PROLOG.format("klingon") + "<r><b/></r>", "the encoding 'klingon'"),
    ("<!DOCTYPE r [<!ENTITY w 'x'>]><r><b>&w;</b></r>", "defines the entity 'w'"),
])
def test_a_file_without_records_or_that_can_t_be_read_is_refused_with_its_name(spark: SparkSession, tmp_path: Path,
                                                                               content: str, problem: str):
    with pytest.raises(DataError) as caught:
        cleaned(spark, tmp_path, content, {"id": "bigint"}, {"missing": "nulls"})
    assert caught.value.subject == "raw/table@1/a.xml"
    assert problem in caught.value.problem
    assert caught.value.hint


def test_the_nearest_element_is_suggested_for_a_misspelt_row_tag(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="Did you mean 'book'?"):
        cleaned(spark, tmp_path, "<r><book/><meta/></r>", rowTag="boook")


def test_an_export_without_records_has_no_rows(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, {"a.xml": "<r/>", "b.xml": "<r><b><id>1</id></b></r>"})
    assert table.rows == [{"id": "1"}]


def test_columns_drift_by_the_source_s_policy(spark: SparkSession, tmp_path: Path):
    files = {"a.xml": "<r><b><id>1</id></b></r>", "b.xml": "<r><b><id>2</id><x>5</x></b></r>"}
    assert cleaned(spark, tmp_path, files, {"id": "int"}).version.entry.meta["drift"] == {"new": {"x": 1}}
    kept = cleaned(spark, tmp_path / "kept", files, {"id": "int"}, {"new": "keep"})
    assert kept.rows == [{"id": 1, "x": None}, {"id": 2, "x": "5"}]
    with pytest.raises(DataError, match="has no column 'y', but id, x"):
        cleaned(spark, tmp_path / "missing", files, {"id": "int", "y": "string"})
