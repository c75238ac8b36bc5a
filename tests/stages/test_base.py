"""A stage has its own section, by default under its name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from laketrain.stages import Stage


class Audit(Stage):
    name: ClassVar[str] = "audit"
    help: ClassVar[str] = "Audits."
    zone: ClassVar[str] = "runs"


class Renamed(Audit):
    name: ClassVar[str] = "renamed"
    key: ClassVar[str] = "section"


def test_the_key_of_the_section_is_the_name_unless_it_is_set() -> None:
    assert (Audit.key, Renamed.key) == ("audit", "section")


def test_a_stage_is_declared_if_the_workload_has_its_section() -> None:
    workload: Any = SimpleNamespace(audit={"rows": 3}, section=None)
    assert Audit().settings(workload) == {"rows": 3}
    assert Audit().declared(workload)
    assert not Renamed().declared(workload)
    assert list(Audit().problems(workload)) == []
