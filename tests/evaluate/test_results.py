"""Sections of an evaluation are written to an entry and read back."""

from __future__ import annotations

from typing import Any

from laketrain.evaluate.results import as_meta, headline, sections

LABEL: dict[str, Any] = {"kind": "label", "metrics": {"accuracy": 0.9, "classes": [{"label": "cat"}]}}
VALUE: dict[str, Any] = {"kind": "value", "task": "regression", "metrics": {"mae": 2.0}}


def test_the_section_of_a_single_target_is_the_meta() -> None:
    meta = as_meta({"animal": LABEL}, "test", ["is bad"])
    assert meta == {"split": "test", "warnings": ["is bad"], "target": "animal", **LABEL}
    assert list(sections(meta)) == ["animal"]
    assert headline(meta) == ("accuracy", 0.9)


def test_several_targets_have_their_sections_and_all_metrics() -> None:
    meta = as_meta({"animal": LABEL, "price": VALUE}, "test")
    assert meta["metrics"] == {"animal.accuracy": 0.9, "price.mae": 2.0}
    assert sections(meta) == {"animal": LABEL, "price": VALUE}


def test_an_entry_without_metrics_has_no_section() -> None:
    assert sections({}) == {}
    assert headline({}) is None
    assert list(sections({"metrics": {"accuracy": 0.5}})) == ["label"], "an older entry is of a label"
