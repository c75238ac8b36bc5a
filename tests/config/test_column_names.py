"""Columns never silently hide each other: a workload with clashing names is refused, with a hint."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.column_names import find_clash
from laketrain.config.sql.queries import duplicate_column
from laketrain.errors import Problem

SCHEMA = {"id": "string", "at": "timestamp", "load": "double", "past.load": "double", "class": "double",
          "probability": "double", "kind": "int"}
WINDOWS = {"order": "at", "lookback": 4, "horizon": 1}
PAST = {"kind": "sequence", "column": "past.load", "shape": [4, 1]}
AHEAD = {"kind": "value", "column": "next.load", "size": 1}
LOAD = {"kind": "number", "column": "load"}
KIND = {"kind": "label", "column": "kind", "classes": 3}

Problems = Callable[..., list[Problem]]


@pytest.fixture
def refused(problems: Problems) -> Problems:
    """The problems of a workload of `SCHEMA`, with these features and changed parts."""

    def found(features: dict[str, Any], rules: list[Any] | None = None, windows: Any = None,
              keep: list[str] | None = None, schema: dict[str, str] | None = None,
              tables: dict[str, Any] | None = None) -> list[Problem]:
        return problems(json.dumps({
            "name": "t", "lake": "lake",
            "sources": {"rows": {"format": "csv", "path": "in/*.csv", "schema": schema or SCHEMA}},
            "clean": {"rows": {"rules": rules or []}},
            **({"integrate": tables} if tables else {}),
            "convert": {"table": next(iter(tables)) if tables else "rows", "features": features,
                        "split": {"by_time": {"column": "at", "until": {"train": "2024-01-03", "val": "2024-01-04"}}},
                        **({"windows": windows} if windows else {})},
            "train": {"model": {"name": "rnn" if windows else "linear"}},
            "predict": {"table": "rows", **({"keep": keep} if keep else {})}}, ensure_ascii=False))

    return found


def where(found: list[Problem]) -> list[str]:
    return [problem.where for problem in found]


def test_a_column_with_the_name_of_a_window_array_is_reported_where_it_is_used(refused: Problems) -> None:
    result = refused({"p": PAST, "n": AHEAD}, windows=WINDOWS, keep=["at", "past.load"])
    assert where(result) == ["convert.features.p.column", "predict.keep.1"]
    for problem in result:
        assert "the table's column 'past.load', and the values of 'load' in a window" in problem.problem
        assert "derive: {column: past_load" in problem.hint


def test_the_suggested_fix_is_accepted_and_so_is_such_a_column_that_nothing_uses(refused: Problems) -> None:
    rules = [{"derive": {"column": "past_load", "sql": "`past.load`", "type": "double"}},
             {"drop": {"columns": ["past.load"]}}]
    assert refused({"p": PAST, "n": AHEAD}, rules, WINDOWS, ["at", "past.load", "past_load"]) == []
    heat = {"kind": "sequence", "column": "past.kind", "shape": [4, 1]}
    assert refused({"p": heat, "n": AHEAD}, windows=WINDOWS, keep=["at"]) == []
    assert refused({"p": LOAD, "n": {**LOAD, "kind": "value", "size": 1, "column": "past.load"}}) == []  # no windows


@pytest.mark.parametrize(("features", "keep", "name"), [
    ({"x": LOAD, "y": KIND}, ["id", "class"], "class"), ({"x": LOAD, "y": KIND}, ["probability"], "probability"),
    ({"x": LOAD, "y": KIND, "name": {"kind": "key", "column": "class"}}, None, "class"),
])
def test_a_kept_column_with_the_name_of_a_prediction_column_is_refused(
        refused: Problems, features: dict[str, Any], keep: list[str] | None, name: str) -> None:
    [problem] = refused(features, keep=keep)
    assert problem.where == ("predict.keep" if keep else "predict")
    assert f"column {name!r} would hide, or be hidden by, what predictions call {name!r}" in problem.problem
    assert f"derive: {{column: {name}_given" in problem.hint


@pytest.mark.parametrize("name", ["Prediction", "model", "DATA", "_reason"])
def test_other_columns_of_predictions_are_refused_too_whatever_their_case(refused: Problems, name: str) -> None:
    value = {"kind": "value", "column": "load", "size": 1}
    features = {"x": {"kind": "number", "column": "kind"}, "y": value}
    [problem] = refused(features, keep=[name], schema={**SCHEMA, name: "string"})
    assert "what predictions call" in problem.problem


def test_a_prediction_column_of_another_kind_of_target_doesn_t_clash(refused: Problems) -> None:
    """`prediction` is what numbers are called, and here a label is predicted; with several targets names begin so."""
    schema = {**SCHEMA, "prediction": "double"}
    assert refused({"x": LOAD, "y": KIND}, keep=["prediction"], schema=schema) == []
    two = {"x": LOAD, "y": KIND, "z": {"kind": "value", "column": "load", "size": 1}}
    assert refused(two, keep=["class"]) == []
    [problem] = refused(two, keep=["y_class"], schema={**SCHEMA, "y_class": "double"})
    assert "'y_class'" in problem.problem


def test_a_column_kept_twice_is_refused(refused: Problems) -> None:
    [problem] = refused({"x": LOAD, "y": KIND}, keep=["id", "at", "id"])
    assert "columns 'id' and 'id' can't be in one table" in problem.problem


def test_features_that_differ_only_in_case_are_refused(refused: Problems) -> None:
    result = refused({"load": LOAD, "Load": LOAD, "y": KIND})
    assert "'load' and 'Load' differ by capitals alone" in str(result[0])


def test_targets_whose_metrics_would_have_the_same_name_are_refused(refused: Problems) -> None:
    value = {"kind": "value", "column": "load", "size": 1}
    [problem] = refused({"x": {"kind": "number", "column": "kind"}, "a": value, "val_a": value})
    assert "would have metrics of the same name" in problem.problem


@pytest.mark.parametrize("name", ["_split", "_ORDER", "_key", "_copy"])
def test_a_column_with_the_name_of_one_that_convert_adds_is_refused(refused: Problems, name: str) -> None:
    tables = {"made": {"table": "rows", "steps": [{"sql": f"SELECT *, load AS `{name}` FROM made"}]}}
    [problem] = refused({"x": {"kind": "number", "column": name}, "y": KIND}, tables=tables)
    assert problem.where == "convert.features.x.column"
    assert f"names {name!r}, a column that convert makes itself" in problem.problem


@pytest.mark.parametrize("query", ["SELECT load, kind AS load FROM made", "SELECT *, kind + 1 AS Load FROM made"])
def test_a_select_with_a_duplicate_column_is_refused(refused: Problems, query: str) -> None:
    result = refused({"x": LOAD, "y": KIND}, tables={"made": {"table": "rows", "steps": [{"sql": query}]}})
    assert "would make two columns" in result[0].problem
    assert result[0].where == "integrate.made.steps.0.sql"


@pytest.mark.parametrize(("query", "twice"), [
    ("SELECT a, b FROM t", None), ("SELECT *, a + 1 AS c FROM t", None), ("SELECT * EXCEPT (a), b AS a FROM t", None),
    ("SELECT t.a, t.A FROM t", "A"), ("SELECT *, * FROM t", "a"),
    ("SELECT x.* FROM (SELECT a AS c FROM t) x", None)])
def test_which_columns_a_select_makes_twice(query: str, twice: str | None) -> None:
    assert duplicate_column(query, ["a", "b"]) == twice


def test_names_that_look_the_same_are_refused_in_a_schema(refused: Problems) -> None:
    one, two = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    result = refused({"x": LOAD, "y": KIND}, schema={**SCHEMA, one: "double", two: "double"})
    assert any("nobody (they differ in Unicode's form alone) can't distinguish" in str(problem) for problem in result)
    result = refused({"x": LOAD, "y": KIND}, schema={**SCHEMA, "_FILE": "double"})
    assert any("'_FILE', a name that laketrain uses itself" in str(problem) for problem in result)


@pytest.mark.parametrize("name", ["t-features", "rows-predictions", "made-joins"])
def test_two_quarantines_of_one_name_are_refused(problems: Problems, name: str) -> None:
    result = problems(json.dumps({
        "name": "t", "lake": "lake", "sources": {"rows": {"format": "csv", "path": "in/*.csv", "schema": SCHEMA}},
        "clean": {"rows": {}, name: {"source": "rows"}}, "integrate": {"made": {"table": "rows"}},
        "convert": {"table": "made", "features": {"x": LOAD, "y": KIND},
                    "split": {"by": "id", "fractions": {"train": 1.0}}},
        "train": {"model": {"name": "linear"}, "validation": None}, "predict": {"table": "rows"}}))
    [problem] = result
    assert problem.where == f"clean.{name}" and "would share the quarantine" in problem.problem


@given(st.lists(st.text("aAbBéÉ", max_size=4), max_size=5))
def test_names_clash_if_they_differ_only_in_case_or_unicode_form(names: list[str]) -> None:
    forms = [unicodedata.normalize("NFD", name).lower() for name in names]
    result = find_clash(names)
    assert (result is None) == (len(set(forms)) == len(forms))
    if result is not None:
        assert unicodedata.normalize("NFD", result[0]).lower() == unicodedata.normalize("NFD", result[1]).lower()
