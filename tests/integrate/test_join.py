"""Joins keep their contract: keys unique where they must be, no row lost without a word, none made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import DataError
from laketrain.lake import Lake

from .conftest import Integrate, Integrated, Rows, Tables

SCANS = [{"id": "a", "pixels": 1}, {"id": "b", "pixels": 2}, {"id": "c", "pixels": 3}, {"id": None, "pixels": 4}]
LABELS = [{"id": "b", "label": 7}, {"id": "a", "label": 5}, {"id": "z", "label": 9}, {"id": None, "label": 1}]


@pytest.fixture
def joined(integrate: Integrate) -> Callable[..., Integrated]:
    """Scans with labels joined to them so; `more` are further clean tables."""

    def go(*joins: Mapping[str, Any], scans: Rows = SCANS, labels: Rows = LABELS, more: Tables | None = None,
           table: str = "scans") -> Integrated:
        tables = {"scans": (scans, "id string, pixels int"), "labels": (labels, "id string, label int"), **(more or {})}
        return integrate([{"join": join} for join in joins], tables, table=table)

    return go


def join(relation: str = "many-to-one", left: str = "quarantine", right: str = "drop", table: str = "labels",
         on: Sequence[str] = ("id",)) -> dict[str, Any]:
    return {"table": table, "on": list(on), "relation": relation, "unmatched": {"left": left, "right": right}}


@pytest.mark.parametrize("relation", ["one-to-one", "many-to-one"])
def test_rows_without_a_partner_go_to_quarantine_with_the_reason(joined: Integrate, relation: str):
    result = joined(join(relation, "quarantine", "quarantine"))
    assert result.has("id", "pixels", "label") == [("a", 1, 5), ("b", 2, 7)]
    assert sorted((row["file"], row["rule"], row["reason"]) for row in result.refused) == [
        ("clean/labels", "join(labels)", "no partner in clean/scans for id = null"),
        ("clean/labels", "join(labels)", "no partner in clean/scans for id = z"),
        ("clean/scans", "join(labels)", "no partner in clean/labels for id = c"),
        ("clean/scans", "join(labels)", "no partner in clean/labels for id = null"),
    ]
    assert {json.loads(row["record"]).get("pixels") for row in result.refused} == {3, 4, None}


def test_the_counts_are_those_of_the_rows(joined: Integrate):
    result = joined(join("one-to-one", "quarantine", "quarantine"))
    assert result.counts == {
        "in": 4, "out": 2, "quarantined": 4, "filtered": 0, "tables": {"scans": 4, "labels": 4},
        "reasons": {"join(labels) from clean/labels": 2, "join(labels) from clean/scans": 2},
        "steps": [{"step": "join(labels)", "in": 4, "out": 2, "quarantined": 2, "matched": 2, "unmatched": 2,
                   "null_keys": 1, "other": {"rows": 4, "unused": 2, "null_keys": 1, "quarantined": 2}}]}
    assert result.version.entry.parents == {"clean/scans": 1, "clean/labels": 1}
    assert Counter(row["file"] for row in result.refused) == {"clean/labels": 2, "clean/scans": 2}


def test_partnerless_left_rows_can_be_kept_and_right_ones_dropped(joined: Integrate):
    result = joined(join(left="keep"))
    assert result.has("id", "pixels", "label") == [("a", 1, 5), ("b", 2, 7), ("c", 3, None), (None, 4, None)]
    assert (result.refused, result.counts["quarantined"]) == ([], 0)


def test_what_is_kept_and_what_is_dropped_is_told_in_numbers(joined: Integrate):
    """Those with a null in their key apart: they have no partner, whatever else lies in the other table."""
    scans = [*SCANS, {"id": "a", "pixels": 5}, {"id": None, "pixels": 6}]
    [step] = joined(join(left="keep"), scans=scans).steps
    assert step == {"step": "join(labels)", "in": 6, "out": 6, "quarantined": 0, "matched": 3, "unmatched": 3,
                    "null_keys": 2, "other": {"rows": 4, "unused": 2, "null_keys": 1}}


def test_several_left_rows_may_share_a_partner(joined: Integrate):
    result = joined(join(), scans=[{"id": "a", "pixels": n} for n in range(3)])
    assert result.has("pixels", "label") == [(0, 5), (1, 5), (2, 5)]


@pytest.mark.parametrize("relation", ["one-to-one", "many-to-one"])
def test_a_key_twice_on_the_right_would_fan_out_and_is_refused(joined: Integrate, relation: str):
    labels = [{"id": "a", "label": 1}, {"id": "a", "label": 2}, {"id": "b", "label": 3}]
    with pytest.raises(DataError) as caught:
        joined(join(relation, "keep"), labels=labels)
    assert caught.value.problem == "the key is not unique in clean/labels: a (2 rows)"
    assert "'unique' rule" in caught.value.hint


def test_a_key_twice_on_the_left_is_refused_one_to_one(joined: Integrate):
    scans = [{"id": key, "pixels": number} for number, key in enumerate("bbbaacc")]
    with pytest.raises(DataError, match=r"not unique in clean/scans: b \(3 rows\); a \(2 rows\); c \(2 rows\)"):
        joined(join("one-to-one", "keep"), scans=scans)


def test_null_keys_are_no_duplicates_of_each_other(joined: Integrate):
    nothing = [{"id": None, "pixels": number} for number in range(2)]
    result = joined(join("one-to-one"), scans=[*SCANS[:1], *nothing],
                   labels=[*LABELS[:2], {"id": None, "label": 0}, {"id": None, "label": 1}])
    assert result.has("id", "pixels", "label") == [("a", 1, 5)]
    assert [row["reason"] for row in result.refused] == ["no partner in clean/labels for id = null"] * 2


@pytest.mark.parametrize(("side", "message"), [
    ("left", "2 rows of clean/scans have no partner in clean/labels, e.g. no partner in clean/labels for id = "),
    ("right", "2 rows of clean/labels have no partner in clean/scans, e.g. no partner in clean/scans for id = "),
])
def test_a_missing_partner_is_fatal_where_the_contract_says_so(joined: Integrate, side: str, message: str):
    with pytest.raises(DataError) as caught:
        joined(join(**{"left": "keep", side: "fatal"}))
    assert caught.value.problem.startswith(message)


def test_a_left_row_without_partner_is_fatal_unless_something_else_is_said(joined: Integrate):
    with pytest.raises(DataError, match="rows of clean/scans have no partner"):
        joined({"table": "labels", "on": ["id"], "relation": "one-to-one"})


def test_joins_follow_each_other_and_every_left_row_is_accounted_for(joined: Integrate):
    people: Rows = [{"label": 5, "who": "ann"}, {"label": 8, "who": "bob"}]
    result = joined(join(), join(table="people", on=["label"]),
                   more={"people": (people, "label int, who string")})
    assert result.has("id", "label", "who") == [("a", 5, "ann")]
    assert sorted((row["rule"], row["reason"]) for row in result.refused) == [
        ("join(labels)", "no partner in clean/labels for id = c"),
        ("join(labels)", "no partner in clean/labels for id = null"),
        ("join(people)", "no partner in clean/people for label = 7")]
    assert (result.counts["in"], result.counts["out"], result.counts["quarantined"]) == (4, 1, 3)


def test_a_key_of_two_columns_with_odd_names(joined: Integrate):
    left = [{"a.b": "k", "c d": 1}, {"a.b": "k", "c d": 2}]
    result = joined(join(table="right", on=["a.b", "c d"]), table="left", more={
        "left": (left, "`a.b` string, `c d` int"),
        "right": ([{"a.b": "k", "c d": 2, "e": True}], "`a.b` string, `c d` int, e boolean")})
    assert result.has("a.b", "c d", "e") == [("k", 2, True)]
    assert [row["reason"] for row in result.refused] == ["no partner in clean/right for a.b, c d = k, 1"]


PEOPLE = ([{"who": "a", "pixels": 9}, {"who": "b", "pixels": 8}], "who string, pixels int")


def test_keys_may_have_other_names_on_the_other_side(joined: Integrate):
    step = {**join(table="people"), "on": {"id": "who"}, "prefix": "their_"}
    result = joined({**step, "unmatched": {"left": "quarantine", "right": "quarantine"}},
                   more={"people": ([*PEOPLE[0], {"who": "x", "pixels": 7}], PEOPLE[1])})
    assert result.has("id", "pixels", "their_pixels") == [("a", 1, 9), ("b", 2, 8)]
    assert [(row["rule"], row["reason"], row["record"]) for row in result.refused if row["file"] == "clean/people"] == [
        ("join(people)", "no partner in clean/scans for who = x", '{"who":"x","pixels":7}')]


@pytest.mark.parametrize(("names", "columns"), [
    ({"rename": {"pixels": "size"}}, ["id", "pixels", "size", "kind"]),
    ({"prefix": "their_"}, ["id", "pixels", "their_pixels", "their_kind"]),
    ({"prefix": "their_", "rename": {"kind": "sort"}}, ["id", "pixels", "their_pixels", "sort"]),
    ({"columns": ["kind"]}, ["id", "pixels", "kind"]),
])
def test_columns_of_the_other_side_are_chosen_and_renamed(joined: Integrate, names: dict[str, Any],
                                                          columns: list[str]):
    other = ([{"id": "a", "pixels": 9, "kind": 1}], "id string, pixels int, kind int")
    result = joined({**join(table="more", left="keep"), **names}, more={"more": other})
    assert list(result.rows[0]) == columns


def test_columns_of_both_sides_are_refused_where_only_the_data_tells_of_them(joined: Integrate):
    other = ([{"id": "a", "Pixels": 9}], "id string, Pixels int")
    with pytest.raises(DataError) as caught:
        joined(join(table="more"), more={"more": other})
    assert caught.value.problem == "Pixels would come from both sides"
    assert "prefix: more_ or rename: {Pixels: more_Pixels}" in caught.value.hint


def test_keys_of_two_types_are_refused_and_not_cast(joined: Integrate):
    with pytest.raises(DataError) as caught:
        joined(join(table="numbers"), more={"numbers": ([{"id": 7, "n": 1}], "id int, n int")})
    assert caught.value.problem == "column 'id' is string, 'id' of numbers is int"


def test_whole_numbers_of_two_sizes_are_the_same_key(joined: Integrate):
    more = {"left": ([{"n": 1}, {"n": 2}], "n int"),
            "right": ([{"n": 2, "x": 2**40}, {"n": 2**33, "x": 0}], "n bigint, x bigint")}
    result = joined(join(table="right", on=["n"]), table="left", more=more)
    assert result.has("n", "x") == [(2, 2**40)]


def test_a_table_may_be_joined_to_itself(joined: Integrate):
    rows = [{"id": "a", "boss": "b"}, {"id": "b", "boss": None}, {"id": "c", "boss": "x"}]
    step = {**join(table="staff", right="quarantine"), "on": {"boss": "id"}, "prefix": "boss_"}
    result = joined(step, table="staff", more={"staff": (rows, "id string, boss string")})
    assert result.has("id", "boss", "boss_boss") == [("a", "b", None)]
    assert (result.steps[0]["quarantined"], result.steps[0]["other"]["quarantined"]) == (2, 2)


def test_a_failed_integration_leaves_no_version(joined: Integrate, tmp_path: Path):
    with pytest.raises(DataError):
        joined(join("one-to-one", "fatal"))
    lake = Lake(str(tmp_path / "lake"))
    assert [table.path for table in lake.tables()] == ["clean/labels", "clean/scans"]
