"""The report of a run is committed, unless nothing changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from laketrain.report.write import write_report

from .lakes import build


def test_a_run_has_a_page_and_a_record(tmp_path: Path) -> None:
    built = build(tmp_path)
    version = write_report(built.lake, built.record)
    assert version is not None
    assert version.ref == "runs/shapes@1"
    facts = json.loads(built.lake.store.read(version.path("run.json")))
    assert facts["failure"] is None
    assert [outcome["stage"] for outcome in facts["outcomes"]] == [outcome.stage for outcome in built.record.outcomes]
    assert built.lake.store.read(version.path("report.html")).startswith(b"<!doctype html>")


def test_a_run_that_changed_nothing_has_the_latest_report(tmp_path: Path) -> None:
    built = build(tmp_path)
    first = write_report(built.lake, built.record)
    unchanged = replace(built.record, outcomes=tuple(
        replace(outcome, skipped=True) for outcome in built.record.outcomes))
    second = write_report(built.lake, unchanged)
    assert first is not None and second is not None and second.ref == first.ref
    assert write_report(built.lake, replace(built.record, outcomes=())) is not None
