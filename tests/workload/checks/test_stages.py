"""Stages report the problems of their sections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from laketrain.config.base import Section
from laketrain.errors import Problem
from laketrain.stages import Stage
from laketrain.workload import Workload
from laketrain.workload.checks import stages

DIGITS = Path(__file__).parents[1] / "digits.yaml"


class Audit(Stage):
    name: ClassVar[str] = "audit"
    section: ClassVar[type[Section] | None] = Section
    is_declared: ClassVar[bool] = True

    def declared(self, workload: Workload) -> bool:
        return self.is_declared

    def problems(self, workload: Workload) -> Iterator[Problem]:
        yield Problem.at(("audit", "rows"), "is missing")


def test_problems_of_declared_stages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload.load(DIGITS)
    monkeypatch.setattr(stages, "STAGES", {"audit": Audit()})
    assert [problem.where for problem in stages.problems(workload)] == ["audit.rows"]
    monkeypatch.setattr(Audit, "is_declared", False)
    assert list(stages.problems(workload)) == []
