"""The stages in their order, and what a run did in each.

    STAGES  ->  ("ingest", "clean", "integrate", "convert", "train", "evaluate", "predict")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from laketrain.errors import ConfigError, Problem, nearest
from laketrain.lake import Version
from laketrain.workload import Workload

STAGES = ("ingest", "clean", "integrate", "convert", "train", "evaluate", "predict")


def declares(workload: Workload, stage: str) -> bool:
    """Whether the workload has the section that the stage runs by."""
    return bool(getattr(workload, "sources" if stage == "ingest" else stage))


@dataclass(frozen=True)
class Outcome:
    """One stage's result for one table: the version, and whether it was there already."""

    stage: str
    version: Version
    skipped: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For run records and `--json`."""
        return {"stage": self.stage, "version": self.version.ref, "skipped": self.skipped, "seconds": self.seconds,
                "counts": self.version.entry.counts}


def between(first: str | None, last: str | None) -> Sequence[str]:
    """The stages from `first` to `last`, both included. Raises ConfigError for an unknown or a reversed pair."""
    for option, stage in (("--from", first), ("--to", last)):
        if stage is not None and stage not in STAGES:
            raise ConfigError("command line", [Problem(option, f"there is no stage {stage!r}", nearest(stage, STAGES))])
    begin = STAGES.index(first) if first else 0
    end = STAGES.index(last) if last else len(STAGES) - 1
    if begin > end:
        raise ConfigError("command line", [Problem("--from", f"{first} comes after --to {last}", "Swap them")])
    return STAGES[begin : end + 1]
