"""The lake is a path or a URL of a known storage."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_url_of_an_unknown_storage_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("lake: ../build/lake", "lake: ftp://host/lake"))
    assert problem.path == ("lake",)
