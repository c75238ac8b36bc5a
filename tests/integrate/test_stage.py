"""Joins keep their contract: keys unique where they must be, no row lost without a word, none made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.config.integrate import IntegrateTable
from laketrain.errors import DataError
from laketrain.lake import Lake, Version

from ..tables import commit_table, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCANS = [{"id": "a", "pixels": 1}, {"id": "b", "pixels": 2}, {"id": "c", "pixels": 3}, {"id": None, "pixels": 4}]
LABELS = [{"id": "b", "label": 7}, {"id": "a", "label": 5}, {"id": "z", "label": 9}, {"id": None, "label": 1}]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Integrated:
    version: Version
    rows: list[dict[str, Any]]
    refused: list[dict[str, Any]]

    @property
    def counts(self) -> dict[str, Any]:
        return self.version.entry.counts

    def has(self, *columns: str) -> list[tuple[Any, ...]]:
        return sorted((tuple(row[column] for column in columns) for row in self.rows), key=str)


@pytest.fixture
def integrate(spark: SparkSession, tmp_path: Path) -> Callable[..., Integrated]:
    """Commits scans and labels as clean tables and joins them so; `more` are further clean tables."""
    from laketrain.integrate import fingerprint_integrate
    from laketrain.integrate import integrate as run

    def go(config: Mapping[str, Any], scans: Rows = SCANS, labels: Rows = LABELS, name: str = "digits",
           more: Mapping[str, tuple[Rows, str]] | None = None) -> Integrated:
        lake = Lake(str(tmp_path / "lake"))
        tables = {"scans": commit_table(lake, "scans", scans, "id string, pixels int", files=2),
                  "labels": commit_table(lake, "labels", labels, "id string, label int")}
        tables |= {table: commit_table(lake, table, rows, ddl) for table, (rows, ddl) in (more or {}).items()}
        table = IntegrateTable.model_validate({"table": "scans", **config})
        used = {key: tables[key] for key in (table.table, *(join.table for join in table.joins))}
        version = run(spark, used, name, table, fingerprint_integrate(used, table))
        return Integrated(version, rows_of(version), rows_of(lake.table("quarantine", f"{name}-joins").latest()))

    return go


def join(relation: str = "many-to-one", left: str = "quarantine", right: str = "drop", table: str = "labels",
         on: Sequence[str] = ("id",)) -> dict[str, Any]:
    return {"table": table, "on": list(on), "relation": relation, "unmatched": {"left": left, "right": right}}


Integrate = Callable[..., Integrated]


@pytest.mark.parametrize("relation", ["one-to-one", "many-to-one"])
def test_rows_without_a_partner_go_to_quarantine_with_the_reason(integrate: Integrate, relation: str):
    found = integrate({"joins": [join(relation, "quarantine", "quarantine")]})
    assert found.has("id", "pixels", "label") == [("a", 1, 5), ("b", 2, 7)]
    assert sorted((row["file"], row["rule"], row["reason"]) for row in found.refused) == [
        ("clean/labels", "join(labels)", "no partner in clean/scans for id = null"),
        ("clean/labels", "join(labels)", "no partner in clean/scans for id = z"),
        ("clean/scans", "join(labels)", "no partner in clean/labels for id = c"),
        ("clean/scans", "join(labels)", "no partner in clean/labels for id = null"),
    ]
    assert {json.loads(row["record"]).get("pixels") for row in found.refused} == {3, 4, None}


def test_the_counts_are_those_of_the_rows(integrate: Integrate):
    found = integrate({"joins": [join("one-to-one", "quarantine", "quarantine")], "sql": "SELECT * FROM digits"})
    assert found.counts == {
        "in": 4, "out": 2, "quarantined": 4, "filtered": 0, "tables": {"scans": 4, "labels": 4},
        "reasons": {"join(labels) from clean/labels": 2, "join(labels) from clean/scans": 2}}
    assert found.version.entry.parents == {"clean/scans": 1, "clean/labels": 1}
    assert Counter(row["file"] for row in found.refused) == {"clean/labels": 2, "clean/scans": 2}


def test_partnerless_left_rows_can_be_kept_and_right_ones_dropped(integrate: Integrate):
    found = integrate({"joins": [join(left="keep")]})
    assert found.has("id", "pixels", "label") == [("a", 1, 5), ("b", 2, 7), ("c", 3, None), (None, 4, None)]
    assert (found.refused, found.counts["quarantined"]) == ([], 0)


def test_several_left_rows_may_share_a_partner(integrate: Integrate):
    found = integrate({"joins": [join()]}, scans=[{"id": "a", "pixels": n} for n in range(3)])
    assert found.has("pixels", "label") == [(0, 5), (1, 5), (2, 5)]


@pytest.mark.parametrize("relation", ["one-to-one", "many-to-one"])
def test_a_key_twice_on_the_right_would_fan_out_and_is_refused(integrate: Integrate, relation: str):
    labels = [{"id": "a", "label": 1}, {"id": "a", "label": 2}, {"id": "b", "label": 3}]
    with pytest.raises(DataError) as caught:
        integrate({"joins": [join(relation, "keep")]}, labels=labels)
    assert caught.value.problem == "the key is not unique in clean/labels: a (2 rows)"
    assert "'unique' rule" in caught.value.hint


def test_a_key_twice_on_the_left_is_refused_one_to_one(integrate: Integrate):
    scans = [{"id": key, "pixels": number} for number, key in enumerate("bbbaacc")]
    with pytest.raises(DataError, match=r"not unique in clean/scans: b \(3 rows\); a \(2 rows\); c \(2 rows\)"):
        integrate({"joins": [join("one-to-one", "keep")]}, scans=scans)


def test_null_keys_are_no_duplicates_of_each_other(integrate: Integrate):
    nothing = [{"id": None, "pixels": number} for number in range(2)]
    found = integrate({"joins": [join("one-to-one")]}, scans=[*SCANS[:1], *nothing],
                      labels=[*LABELS[:2], {"id": None, "label": 0}, {"id": None, "label": 1}])
    assert found.has("id", "pixels", "label") == [("a", 1, 5)]
    assert [row["reason"] for row in found.refused] == ["no partner in clean/labels for id = null"] * 2


@pytest.mark.parametrize(("side", "said"), [
    ("left", "2 rows of clean/scans have no partner in clean/labels, e.g. no partner in clean/labels for id = "),
    ("right", "2 rows of clean/labels have no partner in clean/scans, e.g. no partner in clean/scans for id = "),
])
def test_a_missing_partner_is_fatal_where_the_contract_says_so(integrate: Integrate, side: str, said: str):
    with pytest.raises(DataError) as caught:
        integrate({"joins": [join(**{"left": "keep", side: "fatal"})]})
    assert caught.value.problem.startswith(said)


def test_a_left_row_without_partner_is_fatal_unless_something_else_is_said(integrate: Integrate):
    with pytest.raises(DataError, match="rows of clean/scans have no partner"):
        integrate({"joins": [{"table": "labels", "on": ["id"], "relation": "one-to-one"}]})


def test_joins_follow_each_other_and_every_left_row_is_accounted_for(integrate: Integrate):
    people: Rows = [{"label": 5, "who": "ann"}, {"label": 8, "who": "bob"}]
    found = integrate({"joins": [join(), join(table="people", on=["label"])]},
                      more={"people": (people, "label int, who string")})
    assert found.has("id", "label", "who") == [("a", 5, "ann")]
    assert sorted((row["rule"], row["reason"]) for row in found.refused) == [
        ("join(labels)", "no partner in clean/labels for id = c"),
        ("join(labels)", "no partner in clean/labels for id = null"),
        ("join(people)", "no partner in clean/people for label = 7")]
    assert (found.counts["in"], found.counts["out"], found.counts["quarantined"]) == (4, 1, 3)


def test_a_key_of_two_columns_with_odd_names(integrate: Integrate):
    left = [{"a.b": "k", "c d": 1}, {"a.b": "k", "c d": 2}]
    found = integrate({"table": "left", "joins": [join(table="right", on=["a.b", "c d"])]}, more={
        "left": (left, "`a.b` string, `c d` int"),
        "right": ([{"a.b": "k", "c d": 2, "e": True}], "`a.b` string, `c d` int, e boolean")})
    assert found.has("a.b", "c d", "e") == [("k", 2, True)]
    assert [row["reason"] for row in found.refused] == ["no partner in clean/right for a.b, c d = k, 1"]


def test_a_table_may_be_integrated_alone(integrate: Integrate):
    found = integrate({})
    assert found.has("id", "pixels") == [("a", 1), ("b", 2), ("c", 3), (None, 4)]
    assert found.refused == []


# ---- the SQL step


def test_what_sql_filters_is_counted(integrate: Integrate):
    found = integrate({"sql": "SELECT id, pixels * 10 AS tenfold FROM digits WHERE pixels > 1"})
    assert found.has("tenfold") == [(20,), (30,), (40,)]
    assert {key: found.counts[key] for key in ("in", "out", "filtered", "quarantined")} == {
        "in": 4, "out": 3, "filtered": 1, "quarantined": 0}


@pytest.mark.parametrize("sql", [
    "SELECT id, explode(array(1, 2)) AS n FROM digits", "SELECT * FROM digits UNION ALL SELECT * FROM digits",
    "SELECT one.id FROM digits one CROSS JOIN digits other"])
def test_sql_that_makes_rows_is_refused(integrate: Integrate, tmp_path: Path, sql: str):
    with pytest.raises(DataError, match=r"made (8|16) rows of 4"):
        integrate({"sql": sql})
    assert Lake(str(tmp_path / "lake")).table("integrated", "digits").latest() is None


def test_sql_that_spark_refuses_is_told_in_a_sentence(integrate: Integrate):
    with pytest.raises(DataError) as caught:
        integrate({"sql": "SELECT size(pixels) AS n FROM digits"})
    assert "DATATYPE_MISMATCH" in caught.value.problem
    assert "\n" not in caught.value.problem


def test_the_view_has_the_tables_name_and_is_gone_afterwards(integrate: Integrate, spark: SparkSession):
    found = integrate({"sql": "SELECT id FROM `my-digits` WHERE id IS NOT NULL"}, name="my-digits")
    assert found.has("id") == [("a",), ("b",), ("c",)]
    assert "my-digits" not in {table.name for table in spark.catalog.listTables()}


def test_sql_means_the_same_in_any_session(integrate: Integrate, spark: SparkSession):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        found = integrate({"sql": "SELECT unix_seconds(cast('2026-03-09T08:00:00' AS timestamp)) AS at, "
                                  "cast('x' AS int) AS n FROM digits LIMIT 1"})
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert found.has("at", "n") == [(1773043200, None)]


def test_a_failed_integration_leaves_no_version(integrate: Integrate, tmp_path: Path):
    with pytest.raises(DataError):
        integrate({"joins": [join("one-to-one", "fatal")]})
    lake = Lake(str(tmp_path / "lake"))
    assert [table.path for table in lake.tables()] == ["clean/labels", "clean/scans"]
