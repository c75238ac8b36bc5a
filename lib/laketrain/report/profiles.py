"""What a run's report says of the profiles of its tables: what should be looked at, and where the pages are.

    profiles(run).tables
"""

from __future__ import annotations

from dataclasses import dataclass

from laketrain.errors import LakeError
from laketrain.lake import Version
from laketrain.profile.model import PAGE, load_profile
from laketrain.profile.store import ZONES, find_profile
from laketrain.report.run import Run

MOST = 12


@dataclass(frozen=True)
class Profiled:
    """A table's profile in short; `problem` says why there is none."""

    ref: str
    columns: int
    warnings: list[str]
    more: int
    page: str
    problem: str


@dataclass(frozen=True)
class Profiles:
    """Those of the run's clean and integrated tables."""

    tables: list[Profiled]


def profiles(run: Run) -> Profiles | None:
    """None where the run stands on no such table, or where its config wants no profiles and there are none."""
    tables = [_profiled(run, version) for version in run.history if version.zone in ZONES]
    if not run.record.workload.profile:
        tables = [table for table in tables if table.page]
    return Profiles(tables) if tables else None


def _profiled(run: Run, version: Version) -> Profiled:
    found = find_profile(version)
    if found is None:
        return Profiled(version.ref, 0, [], 0, "", "has no profile: laketrain profile makes it, or says why it can't")
    try:
        profile = load_profile(found)
    except LakeError as error:
        return Profiled(version.ref, 0, [], 0, "", error.problem)
    texts = [warning.text for warning in profile.warnings]
    place = run.lake.store.local(found.path(PAGE)) or found.url(PAGE)
    return Profiled(version.ref, len(profile.columns), texts[:MOST], max(0, len(texts) - MOST),
                    run.redactor.scrub(place), "")
