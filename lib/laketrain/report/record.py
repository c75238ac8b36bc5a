"""What a run was: the facts that its report shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from laketrain.errors import LaketrainError
from laketrain.stages import Outcome
from laketrain.workload import Workload


@dataclass(frozen=True)
class RunRecord:
    """One run of a workload. `began` is UTC; `failure` is what ended it early, None where it went well."""

    workload: Workload
    source: str
    began: datetime
    seconds: float
    outcomes: tuple[Outcome, ...]
    failure: LaketrainError | None = None

    @property
    def changed(self) -> bool:
        """Whether the run made anything, or failed."""
        return self.failure is not None or any(not outcome.skipped for outcome in self.outcomes)
