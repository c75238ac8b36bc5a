"""Texts that several checks share."""

from __future__ import annotations

from laketrain.workload.checks.texts import sentence, unknown


def test_an_unknown_name_has_its_path_and_the_nearest_name() -> None:
    problem = unknown(("convert", "table"), "table", "digit", ["digits", "pixels"])
    assert problem.path == ("convert", "table")
    assert "'digit'" in problem.problem
    assert "'digits'" in problem.hint


def test_a_hint_becomes_a_sentence() -> None:
    assert sentence("use cnn for images") == "Use cnn for images"
    assert sentence("") == ""
