"""The clean stage: every landed row is in the table once, or in quarantine with its file, rule, reason and record."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laketrain.clean import fingerprint_clean
from laketrain.config.clean import CleanTable
from laketrain.errors import DataError
from laketrain.lake import Lake

from ..tables import Cleaned, clean_files, ingest_files, rows_of, source_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = {"id": "string", "x": "string"}
RULES = [{"not_null": {"columns": ["id", "x"]}}, {"cast": {"column": "x", "to": "int"}},
         {"range": {"column": "x", "min": 0, "max": 9}}, {"unique": {"key": ["id"], "keep": "last", "by": "x"}}]
FILES = {
    "a.csv": "id,x\none,1\ntwo,2\nthree,nine\nfour,10\n,5\n",
    "b.csv": "id,x\ntwo,3\nfive\nsix,\nseven,7\nseven,7\n",
}


@pytest.fixture(scope="module")
def cleaned(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Cleaned:
    return clean_files(spark, tmp_path_factory.mktemp("clean"), FILES, columns=COLUMNS, rules=RULES)


def test_the_good_rows_have_the_types_of_the_rules(cleaned: Cleaned):
    assert sorted((row["id"], row["x"]) for row in cleaned.rows) == [("one", 1), ("seven", 7), ("two", 3)]
    assert [field["name"] for field in json.loads(cleaned.version.entry.table_schema or "")["fields"]] == ["id", "x"]


def test_each_refused_row_has_its_file_rule_reason_and_record(cleaned: Cleaned):
    assert sorted((row["file"], row["rule"], row["reason"], row["record"]) for row in cleaned.refused) == [
        ("a.csv", "cast(x)", "received nine, expected int", '{"id":"three","x":"nine"}'),
        ("a.csv", "not_null(id)", "has no value", '{"x":"5"}'),
        ("a.csv", "range(x)", "received 10, expected 0 to 9", '{"id":"four","x":"10"}'),
        ("a.csv", "unique(id)", "another row has id = two", '{"id":"two","x":"2"}'),
        ("b.csv", "not_null(x)", "has no value", '{"id":"six"}'),
        ("b.csv", "readable", "isn't a csv record of 2 fields", "five"),
        ("b.csv", "unique(id)", "another row has id = seven", '{"id":"seven","x":"7"}'),
    ]


def test_times_of_any_year_are_the_same_to_other_readers(spark: SparkSession, tmp_path: Path):
    import pyarrow.parquet as pq

    result = clean_files(spark, tmp_path, {"a.csv": "id,at\n1,0001-01-01 00:00:00\n2,9999-12-31 23:59:59.999999\n"},
                         columns={"id": "int", "at": "timestamp"})
    [file] = [result.version.path(file.path) for file in result.version.files()]
    column = pq.read_table(Path(result.version.lake.url.removeprefix("file://")) / file)["at"]
    assert str(column.type) == "timestamp[us, tz=UTC]"
    assert [str(time.as_py().replace(tzinfo=None)) for time in column] == [
        "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]


def test_the_counts_in_the_entry_are_those_of_the_rows(cleaned: Cleaned):
    counts = cleaned.version.entry.counts
    assert counts == {"in": 10, "out": 3, "quarantined": 7, "reasons": dict(Counter(
        row["rule"] for row in cleaned.refused))}
    quarantine = cleaned.version.lake.table("quarantine", "table").get(cleaned.version.entry.meta["quarantine"])
    counts = {(count["rule"], count["file"]): count["rows"] for count in quarantine.entry.counts["by"]}
    assert Counter(counts) == Counter((row["rule"], row["file"]) for row in cleaned.refused)
    assert quarantine.entry.parents == cleaned.version.entry.parents == {"raw/table": 1}


def test_too_many_rejects_fail_with_the_top_reasons_and_leave_the_quarantine(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        clean_files(spark, tmp_path, FILES, columns=COLUMNS, rules=RULES, allowed=0.69)
    assert caught.value.problem == (
        "7 of 10 rows were rejected (70.0%), allowed is 69.0%; most by: unique(id) 2, cast(x) 1, not_null(id) 1, "
        "not_null(x) 1, range(x) 1")
    assert "quarantine/table@1" in caught.value.hint
    lake = Lake(str(tmp_path / "lake"))
    assert len(rows_of(lake.table("quarantine", "table").latest())) == 7
    assert lake.table("clean", "table").latest() is None


def test_no_row_may_be_rejected_unless_it_is_allowed(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match=r"1 of 2 rows were rejected \(50.0%\), allowed is 0.0%"):
        clean_files(spark, tmp_path, {"a.csv": "id,x\n1,2\n3\n"}, columns=COLUMNS, allowed=0.0)


def test_all_rows_may_be_rejected_if_it_is_allowed(spark: SparkSession, tmp_path: Path):
    result = clean_files(spark, tmp_path, {"a.csv": "id,x\n,1\n,2\n"}, columns=COLUMNS, rules=RULES)
    assert (result.rows, len(result.refused)) == ([], 2)
    assert result.version.entry.counts == {"in": 2, "out": 0, "quarantined": 2, "reasons": {"not_null(id)": 2}}


def test_a_source_without_rows_makes_a_table_without_rows(spark: SparkSession, tmp_path: Path):
    result = clean_files(spark, tmp_path, {"a.csv": "id,x\n"}, columns=COLUMNS, rules=RULES, allowed=0.0)
    assert (result.rows, result.refused) == ([], [])
    assert result.version.entry.counts == {"in": 0, "out": 0, "quarantined": 0, "reasons": {}}


def test_a_session_with_other_settings_has_the_same_result(spark: SparkSession, tmp_path: Path):
    """A cluster's session keeps its settings: ANSI mode and a time zone would change values or fail the query."""
    other = {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "Asia/Tokyo"}
    before = {key: spark.conf.get(key) for key in other}
    rules = [{"check": {"sql": "cast(x AS int) > 0"}}, {"cast": {"column": "at", "to": "timestamp"}}]
    try:
        for key, value in other.items():
            spark.conf.set(key, value)
        result = clean_files(spark, tmp_path, {"a.csv": "id,x,at\n1,7,2026-03-09T08:00:00\n2,seven,2026-03-09\n"},
                             columns={**COLUMNS, "at": "string"}, rules=rules)
        assert {key: spark.conf.get(key) for key in other} == other
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)
    [row] = result.rows
    assert row["at"].isoformat().startswith("2026-03-09T08:00:00")
    assert result.why == {"2": "check(cast(x AS int) > 0)"}


TABLE = CleanTable.model_validate({"rules": RULES})


@pytest.mark.parametrize(("change", "same"), [
    ({"max_reject_fraction": 0.5}, False), ({"rules": RULES[:-1]}, False), ({"rules": RULES[::-1]}, False), ({}, True)])
def test_the_fingerprint_follows_the_rules(tmp_path: Path, change: dict[str, Any], same: bool):
    source = source_of(tmp_path / "landing", COLUMNS)
    raw = ingest_files(tmp_path, FILES, source)
    table = CleanTable.model_validate({"rules": RULES, **change})
    assert (fingerprint_clean(raw, table, source) == fingerprint_clean(raw, TABLE, source)) is same


# ---- any dirty table


VALUES = st.sampled_from(["1", "7", "10", "-3", "nine", "", " 4 ", "NaN", "3.5", '"q"', "1,2"])
LINES = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", ""]), VALUES), min_size=0, max_size=12)


def expected_counts(files: dict[str, str]) -> Counter[str]:
    """The results of the rules, computed again from the csv module's lines."""
    counts: Counter[str] = Counter()
    keys = set()
    for text in files.values():
        for row in list(csv.reader(text.splitlines()))[1:]:
            if len(row) != 2:
                counts["readable"] += 1
            elif not row[0] or not row[1].strip():
                counts["not_null"] += 1
            elif not row[1].strip().lstrip("-").isdecimal():
                counts["cast"] += 1
            elif not 0 <= int(row[1]) <= 9:
                counts["range"] += 1
            elif row[0] in keys:
                counts["unique"] += 1
            else:
                keys.add(row[0])
                counts["good"] += 1
    return counts


@settings(max_examples=5, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tables=st.lists(LINES, min_size=1, max_size=3))
def test_rows_in_are_rows_out_and_rows_quarantined(spark: SparkSession, tables: list[list[tuple[str, str]]]):
    files = {f"{number}.csv": "id,x\n" + "".join(f"{key},{value}\n" for key, value in lines)
             for number, lines in enumerate(tables)}
    with TemporaryDirectory() as folder:
        result = clean_files(spark, Path(folder), files, columns=COLUMNS, rules=RULES)
    expected = expected_counts(files)
    assert Counter(row["rule"].partition("(")[0] for row in result.refused) + Counter(good=len(result.rows)) == expected
    assert result.version.entry.counts["in"] == sum(len(lines) for lines in tables)
