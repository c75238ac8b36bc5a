"""Unions go by name: what one table lacks is refused or null, types are widened without a loss or refused."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.errors import DataError

from .conftest import Integrate

pytestmark = pytest.mark.slow

VISITS = ([{"id": 1, "code": "a"}, {"id": 2, "code": "b"}], "id int, code string")
SWAPPED = ([{"code": "a", "id": 3}], "code string, id int")


def test_columns_go_by_name_and_rows_that_are_alike_stay(integrate: Integrate):
    result = integrate([{"union": {"tables": ["swapped", "same"]}}], {
        "visits": VISITS, "swapped": SWAPPED, "same": VISITS})
    assert result.has("id", "code") == [(1, "a"), (1, "a"), (2, "b"), (2, "b"), (3, "a")]
    assert list(result.rows[0]) == ["id", "code"]
    assert result.steps == [{"step": "union(swapped, same)", "in": 2, "out": 5, "quarantined": 0,
                            "added": {"swapped": 1, "same": 2}}]
    assert (result.counts["in"], result.counts["added"], result.counts["out"]) == (2, 3, 5)


def test_a_column_may_tell_from_which_table_a_row_came(integrate: Integrate):
    result = integrate([{"union": {"tables": ["swapped"], "source_column": "origin"}}], {
        "visits": VISITS, "swapped": SWAPPED})
    assert result.has("id", "origin") == [(1, "visits"), (2, "visits"), (3, "swapped")]


def test_what_a_table_lacks_is_null_where_that_is_said(integrate: Integrate):
    more = ([{"id": 3, "fee": 1.5}], "id int, fee double")
    result = integrate([{"union": {"tables": ["more"], "missing": "nulls"}}], {"visits": VISITS, "more": more})
    assert result.has("id", "code", "fee") == [(1, "a", None), (2, "b", None), (3, None, 1.5)]


@pytest.mark.parametrize(("columns", "message", "hint"), [
    ("id int, code string, fee double", "visits has no column 'fee'",
     "Give the columns the same name, or set missing: nulls"),
    ("id int", "more has no column 'code'", "Give the columns the same name, or set missing: nulls"),
    ("id int, codes string", "visits has no column 'codes'", "Did you mean 'code'?"),
    ("id int, Code string", "would make 'Code' next to 'code', which Spark can't distinguish", "Write 'code'"),
    ("id string, code string", "column 'id' is string in more, but int in visits", "cast: {column: id, to: int}"),
    ("id double, code int", "column 'code' is int in more, but string in visits", "cast: {column: code, to: string}"),
])
def test_tables_that_do_not_go_together_are_refused(integrate: Integrate, columns: str, message: str, hint: str):
    with pytest.raises(DataError) as caught:
        integrate([{"union": {"tables": ["more"]}}], {"visits": VISITS, "more": ([], columns)})
    assert message in caught.value.problem
    assert hint in caught.value.hint


@pytest.mark.parametrize(("one", "other", "both", "values"), [
    ("int", "bigint", "bigint", [2**31 - 1, 2**40]),
    ("tinyint", "float", "float", [127, 0.5]),
    ("int", "double", "double", [2**31 - 1, 0.1]),
    ("int", "float", "double", [2**31 - 1, 0.5]),
    ("decimal(10,2)", "int", "decimal(12,2)", [1, 2**31 - 1]),
])
def test_types_are_widened_where_none_of_the_values_changes(integrate: Integrate, one: str, other: str, both: str,
                                                            values: list[Any]):
    result = integrate([{"union": {"tables": ["more"]}}], {"first": ([{"x": values[0]}], f"x {one}"),
                                                          "more": ([{"x": values[1]}], f"x {other}")})
    assert sorted(row["x"] for row in result.rows) == sorted(values)
    assert f'"type":"{both}"' in (result.version.entry.table_schema or "").replace("long", "bigint").replace(
        "integer", "int")
