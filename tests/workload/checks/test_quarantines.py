"""Two tables never share a quarantine."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_clean_table_with_the_quarantine_of_an_integrated_one_is_refused(
        digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace(
        "  unlabelled: *digits", "  unlabelled: *digits\n  digits-joins: {source: captures}"))
    assert problem.path == ("clean", "digits-joins")
