from __future__ import annotations

import pytest

from laketrain.config.sql.queries import condition_problem, query_problem, selected_columns

VIEW = {"digit_id", "pixels", "label"}


@pytest.mark.parametrize(("sql", "columns"), [
    ("SELECT digit_id, label FROM v", {"digit_id", "label"}),
    ("SELECT * FROM v", VIEW),
    ("SELECT *, label + 1 AS next FROM v", {*VIEW, "next"}),
    ("SELECT v.* FROM v", VIEW),
    ("SELECT label AS class FROM v WHERE label > 3", {"class"}),
    ("SELECT DISTINCT digit_id FROM v ORDER BY label", {"digit_id"}),
    ("SELECT `digit_id` AS `the id` FROM v", {"the id"}),
    ("SELECT cast(label AS string) AS label, size(pixels) AS n FROM v", {"label", "n"}),
    ("WITH good AS (SELECT * FROM v WHERE label > 3) SELECT digit_id AS id FROM good", {"id"}),
    ("SELECT * EXCEPT (pixels) FROM v", None),
    ("SELECT * FROM (SELECT label, 2 AS two FROM v)", None),
    ("SELECT transform(pixels, x -> x / 255) AS scaled FROM v", {"scaled"}),
    ("DELETE FROM v", None),
    ("SELEC 1", None),
])
def test_the_columns_of_a_select_are_read_from_it(sql: str, columns: set[str] | None):
    result = selected_columns(sql, dict.fromkeys(VIEW, "int"))
    assert (None if result is None else set(result)) == columns


def test_a_star_over_unknown_columns_is_unknown():
    assert selected_columns("SELECT * FROM v", None) is None
    assert selected_columns("SELECT label FROM v", None) == {"label": ""}


@pytest.mark.parametrize(("sql", "types"), [
    ("SELECT label, digit_id FROM v", {"label": "int", "digit_id": "string"}),
    ("SELECT *, size(pixels) AS n FROM v", {"digit_id": "string", "pixels": "array<int>", "label": "int", "n": ""}),
    ("SELECT cast(label AS string) AS label, label AS same FROM v", {"label": "", "same": ""}),
    ("WITH w AS (SELECT digit_id AS label FROM v) SELECT label FROM w", {"label": ""}),
])
def test_an_unchanged_column_keeps_its_type(sql: str, types: dict[str, str]):
    assert selected_columns(sql, {"digit_id": "string", "pixels": "array<int>", "label": "int"}) == types


@pytest.mark.parametrize("sql", [
    "SELECT digit_id, label FROM v",
    "select Digit_ID, LABEL from V",
    "SELECT d.label, d.label + 1 AS next FROM v AS d WHERE d.label > 1 ORDER BY next",
    "SELECT transform(pixels, x -> x + label) AS p FROM v",
    "SELECT *, row_number() OVER (PARTITION BY label ORDER BY digit_id) AS n FROM v",
    "WITH a AS (SELECT label AS made FROM v) SELECT made FROM a",
    "SELECT y FROM (SELECT label AS y FROM v)",
    "SELECT label, p FROM v LATERAL VIEW explode(pixels) AS p",
    "SELECT label FROM v UNION ALL SELECT label FROM v",
    "SELECT `label` FROM `v` -- a comment",
])
def test_a_select_over_the_view_is_accepted(sql: str):
    assert query_problem(sql, "v", VIEW) is None


@pytest.mark.parametrize(("sql", "message"), [
    ("SELECT lable FROM v", "there is no column 'lable'"),
    ("SELECT label FROM v WHERE scaner = 'a'", "there is no column 'scaner'"),
    ("SELECT label FROM w", "reads 'w', expected the view 'v' alone"),
    ("SELECT label FROM v JOIN w USING (label)", "reads 'w'"),
    ("SELECT label FROM db.w", "reads 'db.w'"),
    ("SELECT label FROM v WHERE label IN (SELECT x FROM w)", "reads 'w'"),
    ("SELECT (label FROM v", "can't be parsed as Spark SQL"),
    ("SELECT 'label FROM v", "can't be parsed as Spark SQL"),
    ("", "can't be parsed as Spark SQL"),
    ("INSERT INTO v VALUES (1)", "received INSERT, expected a SELECT"),
    ("CREATE TABLE w AS SELECT * FROM v", "received CREATE, expected a SELECT"),
    ("SELECT 1; SELECT 2", "expected a SELECT"),
])
def test_any_other_sql_is_refused(sql: str, message: str):
    problem = query_problem(sql, "v", VIEW)
    assert problem is not None
    assert message in problem.problem
    assert problem.hint


@pytest.mark.parametrize("sql", [
    "label >= 0", "Label BETWEEN 0 AND 9", "exists(pixels, p -> p > 0)", "size(pixels) = 784 AND digit_id RLIKE '^d'",
    "`label` IS NOT NULL", "NOT isnan(label)", "aggregate(pixels, 0, (sum, x) -> sum + x) > 0", "true",
    "label IN (1, 2)", "CASE WHEN label = 1 THEN true ELSE digit_id <> '' END", "(label > 1)",
])
def test_a_condition_over_the_columns_is_accepted(sql: str):
    assert condition_problem(sql, VIEW) is None


@pytest.mark.parametrize(("sql", "message"), [
    ("lable >= 0", "there is no column 'lable'"),
    ("label >= 0 AND exists(pixel, p -> p > 0)", "there is no column 'pixel'"),
    ("label >=", "can't be parsed as Spark SQL near '>='"),
    ("SELECT label FROM v", "received SELECT, expected a condition"),
    ("DROP TABLE v", "received DROP, expected a condition"),
])
def test_sql_that_isn_t_a_condition_is_refused(sql: str, message: str):
    problem = condition_problem(sql, VIEW)
    assert problem is not None
    assert message in problem.problem
    assert problem.hint
