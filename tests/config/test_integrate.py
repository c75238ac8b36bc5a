"""Steps that can't work with their columns are reported before Spark starts, with the line and a hint."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from laketrain.config.integrate import IntegrateTable
from laketrain.config.sql.widening import widened
from laketrain.errors import Problem
from laketrain.workload import Workload
from laketrain.workload.columns import Columns

WORKLOAD = """\
name: ward
lake: lake
sources:
  visits: {format: parquet, path: v, schema: {id: int, patient: string, at: timestamp, code: string}}
  older: {format: parquet, path: o, schema: {id: bigint, patient: string, at: timestamp, code: string}}
  patients: {format: parquet, path: p, schema: {patient: string, born: date, code: string}}
  doses: {format: parquet, path: d, schema: {patient: string, given: timestamp, amount: double}}
  unknown: {format: parquet, path: u, schema: infer}
clean: {visits: {}, older: {}, patients: {}, doses: {}, unknown: {}}
integrate:
  visits:
    table: visits
    steps:
      - union: {tables: [older]}
      - STEP
  after:
    table: visits
    steps:
      - sql: SELECT * FROM after
"""
LINE = 1 + WORKLOAD[:WORKLOAD.index("- STEP")].count("\n")
AT = "integrate.visits.steps.1"
JOIN = "join: {table: patients, on: [patient], relation: many-to-one, "
AS_OF = "as_of: {table: doses, on: [patient], time: at, right_time: given, "
REFUSED = {
    "joins: 3": ("", "unknown step 'joins'", "Did you mean 'join'?"),
    "join: patients": ("", "received 'patients' as the settings of join, expected a mapping of table, on", ""),
    "join": ("", "received 'join', expected a step over its settings, e.g. sql: SELECT …", ""),
    "{sql: SELECT 1, join: {}}": ("", "received the keys sql, join in one item of the list, expected one step", ""),
    "join: {table: patients, on: [patient]}": (".join.relation", "the key 'relation' is missing", ""),
    "join: {table: patients, on: [], relation: one-to-one}": (".join.on", "received a list of 0, expected at le", ""),
    "join: {table: patient, on: [patient], relation: one-to-one}": (
        ".join.table", "there is no clean table 'patient'", "Did you mean 'patients'?"),
    "join: {table: after, on: [patient], relation: one-to-one}": (
        ".join.table", "there is no clean table 'after'", "Accepted: doses, older, patients, unknown, visits"),
    JOIN + "columns: [bron]}": (".join.columns", "there is no column of patients 'bron'", "Did you mean 'born'?"),
    JOIN + "columns: [born], rename: {code: c}}": (".join", "renames 'code', which is not among 'columns'", ""),
    JOIN + "unmatched: {left: drop}}": (
        ".join.unmatched.left", "received 'drop' (text), expected 'keep', 'quarantine' or 'fatal'", ""),
    JOIN + "rename: {}}": (".join", "code would come from both sides", "e.g. prefix: patients_ or rename: {code: pat"),
    JOIN + "rename: {code: Born}}": (".join", "Born, born would come twice from patients", "in 'rename'"),
    "join: {table: patients, on: {code: born}, relation: many-to-one, columns: [patient], prefix: p_}": (
        ".join.on", "column 'code' is string, 'born' of patients is date", "cast: {column: born, to: string}"),
    "join: {table: patients, on: {pateint: patient}, relation: many-to-one, columns: [born]}": (
        ".join.on", "there is no column 'pateint'", "Did you mean 'patient'?"),
    AS_OF.replace("at,", "att,") + "prefix: d_}": (
        ".as_of.time", "there is no column 'att'", "Did you mean 'at'?"),
    AS_OF.replace(" right_time: given,", "") + "prefix: d_}": (
        ".as_of.time", "there is no column of doses 'at'", "Accepted: amount"),
    AS_OF + "tolerance: 5}": (".as_of.tolerance", "received 5.0 for 'at', which is timestamp", "tolerance: 2 hours"),
    AS_OF + "tolerance: 5 houres}": (".as_of.tolerance", "received the unit 'houres'", "Did you mean 'hour'?"),
    AS_OF + "latest_by: amont}": (".as_of.latest_by", "there is no column of doses 'amont'", "'amount'"),
    AS_OF + "known_by: givn}": (".as_of.known_by", "there is no column of doses 'givn'", "'given'"),
    AS_OF + "known_by: amount}": (
        ".as_of.known_by", "column 'at' is timestamp, the column of doses 'amount' is double",
        "seconds since 1970 to timestamp"),
    AS_OF + "latest_by: amount}": (
        ".as_of.latest_by", "doesn't determine when a correction became known",
        "if rows may use what became known later"),
    AS_OF + "latest_by: given, direction: forward}": (
        ".as_of.latest_by", "direction: forward matches rows of a later time, whenever they", "Write known_by: none"),
    AS_OF + "known_by: given, direction: nearest}": (
        ".as_of.known_by", "direction: nearest matches rows of a later time", "a row matches the last"),
    AS_OF + "direction: backwards}": (".as_of.direction", "received 'backwards' (text), expected", "'backward'?"),
    AS_OF + "unmatched: {right: drop}}": (".as_of.unmatched.right", "unknown key 'right'", "Accepted: left"),
    "as_of: {table: doses, on: [patient], time: at, right_time: amount}": (
        ".as_of.time", "column 'at' is timestamp, 'amount' of doses is double", "{column: amount, to: timestamp}"),
    "as_of: {table: patients, time: code, prefix: p_}": (
        ".as_of.time", "column 'code' is string, expected a timestamp, a date or a number", "Cast it"),
    "union: {tables: [patients]}": (".union.tables.0", "visits has no column 'born'", "set missing: nulls"),
    "union: {tables: [patient]}": (".union.tables", "there is no clean table 'patient'", "'patients'"),
    "union: {tables: [older], source_column: code}": (
        ".union.source_column", "there is a column 'code' already", "Choose another name"),
    "history: {by: [patient], order: at, columns: [code]}": (".history.last", "the key 'last' is missing", ""),
    "history: {by: [patient], order: when, columns: [code], last: 5}": (
        ".history.order", "there is no column 'when'", "Accepted: at"),
    "history: {by: [patient], order: at, columns: [patient], last: 5}": (
        ".history", "there would be two columns 'patient'", "prefix: past_"),
    "history: {by: [patient], order: at, columns: [code], last: 5, per: event, count: n}": (
        ".history", "'count' is for per: entity", "Leave it out"),
    "history: {by: [patient], order: at, columns: [code], last: 5, known_by: at}": (
        ".history", "'known_by' is for per: event: with per: entity a row has no time", "choose per: event"),
    "history: {by: [patient], order: at, columns: [code], last: 5, per: event, latest_by: id}": (
        ".history.latest_by", "the column 'id' is bigint, and 'at' is timestamp",
        "Set known_by to the column with that"),
    "history: {by: [patient], order: code, columns: [id], last: 5, per: event, known_by: code}": (
        ".history.known_by", "column 'code' is string, expected a timestamp, a date or a number", "Cast it"),
    "history: {by: [patient], order: at, columns: [code], last: 5, latest_by: it}": (
        ".history.latest_by", "there is no column 'it'", "Accepted: at, code"),
    "history: {by: [patient], order: at, columns: [code], last: 0}": (
        ".history.last", "received 0 (a whole number), expected at least 1", ""),
    "sql: SELECT cod FROM visits": (".sql", "there is no column 'cod'", "Did you mean 'code'?"),
    "sql: SELECT code FROM visits JOIN patients USING (patient)": (".sql", "reads 'patients'", "in a step 'join'"),
    "sql: 5": (".sql", "received 5 (a whole number), expected text", ""),
}


@pytest.mark.parametrize("step", REFUSED)
def test_a_step_that_can_t_work_is_refused(problems: Callable[..., list[Problem]], step: str):
    where, message, hint = REFUSED[step]
    result = problems(WORKLOAD.replace("STEP", step))
    assert [(problem.where, problem.line) for problem in result[:1]] == [(AT + where, LINE)]
    assert message in result[0].problem
    assert hint in result[0].hint


@pytest.mark.parametrize("step", [
    JOIN + "prefix: p_}", JOIN + "columns: [born]}", "sql: {query: SELECT code FROM visits}",
    AS_OF + "tolerance: 90 s, direction: nearest, allow_exact: false}", "as_of: {table: unknown, time: x}",
    AS_OF + "latest_by: given}", AS_OF + "known_by: given, latest_by: amount}",
    AS_OF + "latest_by: amount, known_by: none}",
    AS_OF + "latest_by: given, direction: forward, known_by: none}", "as_of: {table: unknown, time: x, latest_by: y}",
    "history: {by: [patient], order: at, columns: [code], last: 5, latest_by: id}",
    "history: {by: [patient], order: at, columns: [code], last: 5, per: event, latest_by: id, known_by: at}",
    "union: {tables: [patients, unknown], missing: nulls, source_column: origin}",
    "history: {by: [patient], order: [at, id], columns: [code, at], last: 100, count: visits}",
    "history: {by: [patient], order: at, columns: [patient], last: 100, per: event}",
    "join: {table: unknown, on: [nobody_knows], relation: many-to-one}",
])
def test_a_step_that_works_is_accepted(problems: Callable[..., list[Problem]], step: str):
    result = problems(WORKLOAD.replace("STEP", step))
    unknown_here = ("'nobody_knows'", "'x'")  # this side's columns are known, the other's aren't
    assert [one for one in result if not one.problem.endswith(unknown_here)] == []


@pytest.mark.parametrize(("key", "hint"), [
    ("joins: [{table: patients, on: [patient], relation: many-to-one}]",
     "Write them as steps, e.g. steps: [{join: {table: …, on: […], relation: many-to-one}}]"),
    ("sql: SELECT * FROM visits", "Write it as a step, e.g. steps: [{sql: SELECT …}]"),
])
def test_the_former_shape_is_answered_with_the_new_one(problems: Callable[..., list[Problem]], key: str, hint: str):
    text = WORKLOAD.replace("      - STEP\n", f"    {key}\n")
    [result] = problems(text)
    name = key.partition(":")[0]
    assert (result.where, result.problem, result.hint, result.line) == (
        f"integrate.visits.{name}", f"unknown key {name!r}", hint, LINE)


def columns(*steps: dict[str, Any]) -> Columns:
    import yaml

    data = yaml.safe_load(WORKLOAD.replace("STEP", "sql: SELECT * FROM visits"))
    data["integrate"]["visits"]["steps"] = list(steps)
    return Columns(Workload.model_validate(data))


@pytest.mark.parametrize(("step", "left"), [
    ({"join": {"table": "patients", "on": ["patient"], "relation": "many-to-one", "prefix": "p_"}},
     {"id": "int", "patient": "string", "at": "timestamp", "code": "string", "p_born": "date", "p_code": "string"}),
    ({"as_of": {"table": "doses", "on": ["patient"], "time": "at", "right_time": "given", "columns": ["given"]}},
     {"id": "int", "patient": "string", "at": "timestamp", "code": "string", "given": "timestamp"}),
    ({"as_of": {"table": "older", "on": ["patient"], "time": "at", "rename": {"id": "i", "code": "c"}}},
     {"id": "int", "patient": "string", "at": "timestamp", "code": "string", "i": "bigint", "c": "string"}),
    ({"union": {"tables": ["older", "patients"], "missing": "nulls", "source_column": "origin"}},
     {"id": "bigint", "patient": "string", "at": "timestamp", "code": "string", "born": "date", "origin": "string"}),
    ({"history": {"by": ["patient"], "order": "at", "columns": ["code"], "last": 5, "count": "n"}},
     {"patient": "string", "code": "array<string>", "n": "bigint"}),
    ({"history": {"by": ["patient"], "order": "at", "columns": ["id"], "last": 5, "per": "event"}},
     {"id": "int", "patient": "string", "at": "timestamp", "code": "string", "earlier_id": "array<int>"}),
    ({"sql": "SELECT patient, upper(code) AS code FROM visits"}, {"patient": "string", "code": ""}),
    ({"join": {"table": "unknown", "on": ["patient"], "relation": "many-to-one"}}, None),
])
def test_each_step_says_which_columns_it_leaves(step: dict[str, Any], left: dict[str, str] | None):
    assert columns(step).table("visits") == left


def test_a_table_declared_below_sees_the_integrated_one_and_itself_the_clean_one():
    result = columns({"sql": "SELECT id FROM visits"})
    assert result.table("visits") == {"id": "int"}
    assert result.table("after") == {"id": "int"}


def test_the_steps_in_the_documents_are_accepted(problems: Callable[..., list[Problem]]):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "integrate.md").read_text("utf-8")
    [snippet] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    head = """\
name: ward
lake: lake
sources:
  visits: &visits {format: parquet, path: v, schema: {patient_id: int, at: timestamp, code: string}}
  visits_2024: *visits
  visits_2025: {format: parquet, path: v, schema: {patient_id: bigint, at: timestamp, ward: string}}
  patients: {format: parquet, path: p, schema: {patient_id: int, born: date, code: string}}
  doses:
    {format: parquet, path: d, schema: {patient_id: int, given_at: timestamp, recorded_at: timestamp, dose: double}}
clean: {visits: {}, visits_2024: {}, visits_2025: {}, patients: {}, doses: {}}
"""
    assert problems(head + snippet) == []


def test_a_tolerance_is_a_time_or_a_number():
    config = IntegrateTable.model_validate({"table": "a", "steps": [
        {"as_of": {"table": "b", "time": "t", "tolerance": message}} for message in ("2 hours", "1.5 days", 3, 0.5)]})
    assert [step.tolerance for step in config.steps] == [timedelta(hours=2), timedelta(hours=36), 3, 0.5]


@pytest.mark.parametrize(("one", "other", "both"), [
    ("int", "integer", "int"), ("int", "bigint", "bigint"), ("tinyint", "smallint", "smallint"),
    ("smallint", "float", "float"), ("int", "float", "double"), ("int", "double", "double"),
    ("float", "double", "double"),
    ("bigint", "double", None), ("bigint", "float", None), ("int", "string", None), ("date", "timestamp", None),
    ("timestamp", "timestamp_ntz", None), ("boolean", "int", None), ("string", "varchar(20)", "string"),
    ("Decimal( 10, 2 )", "decimal(8,4)", "decimal(12,4)"), ("decimal(10,2)", "int", "decimal(12,2)"),
    ("decimal(38,0)", "decimal(38,2)", None), ("decimal", "dec(12)", "decimal(12,0)"), ("decimal(5,1)", "double", None),
    ("array<long>", "array< bigint >", "array<bigint>"), ("array<int>", "array<bigint>", None),
    ("struct<a: byte, b: long>", "struct<a:tinyint,b:bigint>", "struct<a:tinyint,b:bigint>"),
])
def test_two_types_become_the_one_that_holds_the_values_of_both(one: str, other: str, both: str | None):
    assert widened(one, other) == widened(other, one) == both
