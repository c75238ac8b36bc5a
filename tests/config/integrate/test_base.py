"""What all steps share."""

from __future__ import annotations

import pytest

from laketrain.config.integrate.base import absent, type_mismatch


def test_missing_columns_are_reported_once_each() -> None:
    problems = list(absent("column", ["id", "x", "x", "y"], {"id": "int"}, ("on",)))
    assert [("'x'" in problem.problem, problem.path) for problem in problems] == [(True, ("on",)), (False, ("on",))]
    assert list(absent("column", ["x"], None, ("on",))) == [], "unknown columns are checked with the data"


@pytest.mark.parametrize(("left", "right", "fits"), [
    ("int", "bigint", True), ("string", "int", False), ("", "int", True), ("date", "timestamp", False)])
def test_columns_are_compared_only_if_they_have_a_common_type(left: str, right: str, fits: bool) -> None:
    assert (type_mismatch("a", left, "b", right, "other") is None) is fits
