"""Mistakes in the rules of clean are reported before Spark starts, and the columns after rules are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from laketrain.config.clean import BaseRule, CleanTable, Range, Rule, after_all
from laketrain.config.language.document import Document
from laketrain.errors import Problem

Load = Callable[..., list[Problem]]
RULE: TypeAdapter[BaseRule] = TypeAdapter(Rule)
PLACE = "- trim: {columns: [scanner], lower: true}"
AT = "clean.captures.rules.4."

REFUSED = {
    # rule: where (after the rule's place), what is said, the hint
    "cast: {column: label, to: int, format: yyyy}": ("cast", "cast to int takes no format; date and timestamp do", ""),
    "cast: {column: label, to: date, zone: Europe/Berlin}": ("cast", "cast to date takes no zone; timestamp does", ""),
    "cast: {column: label, to: timestamp, zone: Europe/Berln}": (
        "cast.zone", "received 'Europe/Berln', expected a time zone", "Did you mean 'Europe/Berlin'?"),
    "cast: {column: label, to: date, format: '%Y-%m-%d'}": (
        "cast.format", "received '%Y-%m-%d', expected Spark's pattern letters", "E.g. yyyy-MM-dd HH:mm:ss"),
    "cast: {column: label, to: date, format: YYYY-MM-dd}": (
        "cast.format", "received 'YYYY-MM-dd', in which 'Y' isn't a pattern letter that Spark reads times by",
        "Write yyyy for the year"),
    "cast: {column: label, to: timestamp, format: yyyy-MM-dd XXX, zone: Asia/Tokyo}": (
        "cast", "the format 'yyyy-MM-dd XXX' reads a zone from the text, so zone has no effect", ""),
    "cast: {column: label, to: string, decimal: ','}": ("cast", "cast to string takes no separators; numbers do", ""),
    "cast: {column: label, to: double, decimal: ',', thousands: ','}": (
        "cast", "decimal and thousands are both ','", ""),
    "cast: {column: label, to: double, thousands: '.'}": ("cast", "decimal and thousands are both '.'", ""),
    "cast: {column: label, to: double, decimal: comma}": (
        "cast.decimal", "received 'comma', expected one character that isn't a letter, digit or sign, such as ','", ""),
    "derive: {column: half, sql: lable / 2, type: double}": (
        "derive.sql", "there is no column 'lable'", "Did you mean 'label'?"),
    "derive: {column: half, sql: label /, type: double}": (
        "derive.sql", "can't be parsed as Spark SQL", "Write an expression over the columns"),
    "derive: {column: noise, sql: rand() + label, type: double}": (
        "derive.sql", "rand() gives another value at every run", "Derive a column from the row alone"),
    "derive: {column: at, sql: now(), type: timestamp}": (
        "derive.sql", "now() gives another value at every run", ""),
    "derive: {column: Label, sql: label, type: int}": (
        "derive", "would make 'Label' next to 'label', which Spark can't distinguish", "Write 'label'"),
    "derive: {column: _file, sql: label, type: int}": (
        "derive.column", "received the column '_file', a name that laketrain uses itself", ""),
    "regex: {column: scanner, pattern: '(a|b'}": (
        "regex.pattern", "received '(a|b', which isn't a regular expression", "needs a backslash before it"),
    "range: {column: captured_at, min: 2026-13-01}": (
        "range.min", "received '2026-13-01', expected a number or a date such as 2026-11-20", ""),
    "range: {column: captured_at, min: 2026-W01-1}": (
        "range.min", "received '2026-W01-1', expected a number or a date such as 2026-11-20", ""),
    "range: {column: captured_at, max: 2026-W01}": (
        "range.max", "received '2026-W01', expected a number or a date such as 2026-11-20", ""),
    "range: {column: captured_at, min: '20260102', max: 2026-01-01}": (
        "range", "range is empty: min 2026-01-02 is above max 2026-01-01", ""),
    "range: {column: captured_at, min: 2026-01-02, max: 2026-01-01}": (
        "range", "range is empty: min 2026-01-02 is above max 2026-01-01", ""),
    "range: {column: captured_at, min: 2026-01-02, max: 5}": (
        "range", "range has bounds of two kinds, received 2026-01-02 and 5", "two numbers or two dates"),
    "unique: {key: [digit_id], keep: best}": ("unique", "keep: best needs a column to compare rows by", "by: score"),
    "unique: {key: [digit_id], keep: latest}": (
        "unique.keep", "received 'latest' (text), expected 'first', 'last' or 'best'", "Did you mean 'last'?"),
    "outliers: {columns: [scanner]}": (
        "outliers", "outliers needs numbers, column 'scanner' is string here", "cast: {column: scanner, to: double}"),
    "outliers: {columns: [label], by: [scaner]}": (
        "outliers", "there is no column 'scaner'", "Did you mean 'scanner'?"),
    "outliers: {columns: [label], limit: 0}": (
        "outliers.limit", "received 0 (a whole number), expected more than 0", ""),
    "impute: {columns: [scanner], method: mean}": ("impute", "mean needs numbers, column 'scanner' is string here", ""),
    "impute: {columns: [label], method: constant}": (
        "impute", "method: constant and value go together", "E.g. method: constant, value: 0"),
    "impute: {columns: [label], method: constant, value: none}": (
        "impute", "received 'none' as the value of 'label', which is int here", ""),
    "impute: {columns: [label], method: forward}": (
        "impute", "method: forward and along go together", "along: measured_at"),
    "impute: {columns: [label], method: forward, along: capturd_at}": (
        "impute", "there is no column 'capturd_at'", "Did you mean 'captured_at'?"),
    "near_duplicates: {column: label}": (
        "near_duplicates", "near_duplicates of text needs a string column, 'label' is int here", ""),
    "near_duplicates: {column: scanner, kind: image, similarity: 0.8}": (
        "near_duplicates", "similarity and shingle are for text; set distance for images, e.g. 4", ""),
    "near_duplicates: {column: scanner, key: [id]}": ("near_duplicates", "there is no column 'id'", ""),
    "drop: {columns: [digit_id, label, scanner, captured_at]}": ("drop", "drops every column of the table", ""),
    "function: {call: laketrain.erors:nearest}": (
        "function", "Python finds no module 'laketrain.erors'", "put its folder on PYTHONPATH"),
    "function: {call: laketrain.errors:neerest}": (
        "function", "module 'laketrain.errors' has no function 'neerest'", "Did you mean 'nearest'?"),
    "function: {call: nearest}": ("function.call", "received 'nearest' (text), expected text of the form", ""),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_a_rule_that_can_t_work_is_refused(digits: str, problems: Load, rule: str):
    where, said, hint = REFUSED[rule]
    result = problems(digits.replace(PLACE, f"- {rule}"))
    assert result[0].where == AT + where
    assert said in result[0].problem
    assert hint in result[0].hint


@pytest.mark.parametrize("rule", [
    'cast: {column: captured_at, to: timestamp, format: "dd.MM.yyyy \'at\' HH:mm", zone: America/New_York}',
    "cast: {column: captured_at, to: timestamp, zone: '+05:30'}",
    r"regex: {column: scanner, pattern: '(?<maker>\p{L}++)\h[a-d]\Q(\E'}",
    "range: {column: captured_at, min: 2020-01-01, max: 2026-12-31T12:00:00}",
    "derive: {column: day, sql: to_date(captured_at), type: date}",
    "function: {call: os.path:join}",
])
def test_a_rule_that_works_is_accepted(digits: str, problems: Load, rule: str):
    assert problems(digits.replace(PLACE, f"- {rule}")) == []


@pytest.mark.parametrize(("written", "read"), [
    ("20200101", "2020-01-01"), ("2020-01-01", "2020-01-01"), ("20200101T1200", "2020-01-01T12:00:00"),
    ("2020-01-01T120000,5", "2020-01-01T12:00:00.500000"), ("2020-01-01T12Z", "2020-01-01T12:00:00+00:00"),
    ("2020-01-01 12:00+01", "2020-01-01T12:00:00+01:00")])
def test_a_bound_in_time_is_kept_in_the_form_that_spark_reads(written: str, read: str):
    assert Range.model_validate({"rule": "range", "column": "at", "min": written}).min == read


def test_later_rules_and_stages_know_the_columns_that_rules_leave(digits: str, problems: Load):
    dropped = digits.replace(PLACE, "- drop: {columns: [scanner]}")
    assert {(problem.where, problem.problem) for problem in problems(dropped)} == {
        ("clean.captures.rules.5.replace", "there is no column 'scanner'"),
        ("clean.captures.rules.6.allowed", "there is no column 'scanner'"),
        ("integrate.digits.steps.1.sql", "there is no column 'scanner'")}
    derived = digits.replace(PLACE, "- derive: {column: hour, sql: hour(captured_at), type: int}")
    assert problems(derived.replace("SELECT digit_id,", "SELECT hour, digit_id,")) == []
    [result] = problems(derived.replace("SELECT digit_id,", "SELECT our, digit_id,"))
    assert result.hint == "Did you mean 'hour'?"


def test_each_rule_says_what_it_makes_of_the_columns():
    rules = [{"cast": {"column": "a", "to": "int"}}, {"derive": {"column": "d", "sql": "a", "type": "double"}},
             {"mask": {"columns": ["b"]}}, {"drop": {"columns": ["c"]}}, {"range": {"column": "a", "min": 0}},
             {"function": {"call": "os.path:join", "adds": {"e": "date"}, "drops": ["d"]}}]
    before = {"a": "string", "b": "int", "c": "int"}
    assert after_all([RULE.validate_python(rule) for rule in rules], before) == {
        "a": "int", "b": "string", "e": "date"}


def test_the_rules_in_the_documents_are_accepted():
    pages = Path(__file__).parents[2] / "docs" / "how-to"
    [whole] = re.findall(r"```yaml\n(.*?)```", (pages / "clean.md").read_text("utf-8"), re.DOTALL)
    [one] = re.findall(r"```yaml\n(rules:.*?)```", (pages / "own-code.md").read_text("utf-8"), re.DOTALL)
    assert len(CleanTable.model_validate(Document.parse(whole, "clean.md").data["clean"]["visits"]).rules) == 10
    assert len(CleanTable.model_validate(Document.parse(one, "clean.md").data).rules) == 1


def test_a_key_in_the_yaml_is_refused_and_not_repeated(digits: str, problems: Load):
    [result] = problems(digits.replace(PLACE, "- hash: {columns: [scanner], key_env: s3cr3t-4711}"))
    assert result.where == AT + "hash.key_env"
    assert "received no NAME of an environment variable" in result.problem
    assert "s3cr3t" not in f"{result}"


@pytest.mark.parametrize(("bound", "kept"), [
    ("2026-11-20", "2026-11-20"), ("2026-11-20 12:00", "2026-11-20 12:00"), ("20261120", "2026-11-20"),
    ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z"), ("20261120T1200", "2026-11-20T12:00:00")])
def test_a_bound_that_spark_reads_stays_unchanged_so_that_no_table_is_made_again(bound: str, kept: str) -> None:
    assert Range.model_validate({"rule": "range", "column": "at", "max": bound}).max == kept


@pytest.mark.parametrize(("rule", "kind", "message", "hint"), [
    ({"rule": "cast", "to": "double"}, "interval day to second", "is interval day to second, which Spark doesn't cast",
     'cast: {column: took, to: "decimal(20,6)"}'),
    ({"rule": "range", "min": 0}, "interval day to second", "range compares numbers, dates and times",
     'cast: {column: took, to: "decimal(20,6)"}'),
    ({"rule": "outliers"}, "interval day to second", "outliers needs numbers",
     'cast: {column: took, to: "decimal(20,6)"}'),
    ({"rule": "impute", "method": "mean"}, "interval year to month", "mean needs numbers", "{column: took, to: int}"),
])
def test_a_rule_that_refuses_intervals_suggests_a_cast_that_spark_has(rule: dict[str, Any], kind: str, message: str,
                                                                     hint: str) -> None:
    column = {"columns": ["took"]} if rule["rule"] in ("outliers", "impute") else {"column": "took"}
    settings = {key: value for key, value in rule.items() if key != "rule"}
    parsed = RULE.validate_python({rule["rule"]: {**settings, **column}})
    [problem] = parsed.problems({"took": kind})
    assert message in problem.problem
    assert hint in problem.hint
    made = RULE.validate_python({"cast": {"column": "took", "to": re.findall(r'to: "?([^"}]+)', hint)[0]}})
    assert not list(made.problems({"took": kind}))
    assert not list(parsed.problems(made.after({"took": kind})))
