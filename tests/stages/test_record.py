"""The record of a run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import DataError
from laketrain.lake import Lake, Version
from laketrain.stages import Outcome, RunRecord
from laketrain.stages.record import RunResult


@pytest.fixture
def version(tmp_path: Path) -> Version:
    with Lake(tmp_path).table("clean", "pixels").stage() as draft:
        return draft.commit(stage="clean", counts={"in": 3, "out": 2})


def record(*outcomes: Outcome, failure: Any = None) -> RunRecord:
    workload: Any = None
    return RunRecord(workload, "conf.yaml", [], datetime(2026, 3, 9, tzinfo=timezone.utc), 1.0, outcomes, failure)


def test_a_run_changed_something_if_it_made_a_version_or_failed(version: Version) -> None:
    made, reused = Outcome("clean", version, False, 0.5), Outcome("clean", version, True, 0.1)
    assert record(made, reused).changed
    assert not record(reused).changed
    assert record(reused, failure=DataError("train", "a", "b")).changed
    assert RunResult((made,), None).changed and not RunResult((reused,), None).changed


def test_an_outcome_is_json(version: Version) -> None:
    assert Outcome("clean", version, False, 0.5).to_dict() == {
        "stage": "clean", "version": "clean/pixels@1", "skipped": False, "seconds": 0.5, "counts": {"in": 3, "out": 2}}
