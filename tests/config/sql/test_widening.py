"""The common type of two types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.sql.widening import is_time, plain, widened

KINDS = st.sampled_from([
    "tinyint", "int", "bigint", "float", "double", "decimal(10,2)", "decimal(38,0)", "string", "date"])


@pytest.mark.parametrize(("left", "right", "expected"), [
    ("int", "bigint", "bigint"), ("integer", "INT", "int"), ("float", "smallint", "float"), ("float", "int", "double"),
    ("bigint", "double", None), ("decimal(5,2)", "int", "decimal(12,2)"), ("decimal(38,0)", "decimal(38,38)", None),
    ("string", "int", None), ("date", "timestamp", None), ("varchar(20)", "string", "string")])
def test_the_common_type_represents_both_exactly(left: str, right: str, expected: str | None) -> None:
    assert widened(left, right) == expected


@given(KINDS, KINDS)
def test_the_order_of_the_types_does_not_matter(left: str, right: str) -> None:
    assert widened(left, right) == widened(right, left)
    assert widened(left, left) == plain(left)


@pytest.mark.parametrize(("kind", "expected"), [
    ("Decimal( 10,2 )", "decimal(10,2)"), ("decimal", "decimal(10,0)"), ("long", "bigint"),
    ("array<integer>", "array<int>"), ("struct<long:short>", "struct<long:smallint>"), ("char(3)", "string")])
def test_types_have_one_spelling(kind: str, expected: str) -> None:
    assert plain(kind) == expected


def test_dates_and_timestamps_are_times() -> None:
    assert is_time("DATE") and is_time("timestamp_ltz") and not is_time("string")
