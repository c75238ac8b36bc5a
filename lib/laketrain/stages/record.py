"""What a run did: an outcome for each table, and the record that its report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from laketrain.stages.base import Stage

if TYPE_CHECKING:
    from laketrain.errors import LaketrainError
    from laketrain.lake import Version
    from laketrain.workload import Workload


@dataclass(frozen=True)
class Outcome:
    """A stage's result for one table: the version, and whether it was in the lake already (`skipped`)."""

    stage: str
    version: Version
    skipped: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For run records and `--json`."""
        return {"stage": self.stage, "version": self.version.ref, "skipped": self.skipped, "seconds": self.seconds,
                "counts": self.version.entry.counts}


@dataclass(frozen=True)
class RunRecord:
    """One run of a workload. `stages` are all stages in their order; `began` is UTC; `failure` is what ended the run
    early, None if nothing did."""

    workload: Workload
    source: str
    stages: Sequence[Stage]
    began: datetime
    seconds: float
    outcomes: tuple[Outcome, ...]
    failure: LaketrainError | None = None

    @property
    def changed(self) -> bool:
        """Whether the run made anything, or failed."""
        return self.failure is not None or any(not outcome.skipped for outcome in self.outcomes)


@dataclass(frozen=True)
class RunResult:
    """What a run did: an outcome for each table, and the latest report, if there is one."""

    outcomes: tuple[Outcome, ...]
    report: Version | None

    @property
    def changed(self) -> bool:
        """Whether anything was made."""
        return any(not outcome.skipped for outcome in self.outcomes)
