"""The profiles of a run's tables: their warnings, and the paths of their pages.

    profiles(run).tables
"""

from __future__ import annotations

from dataclasses import dataclass

from laketrain.errors import LakeError
from laketrain.lake import Version
from laketrain.profile.model import PAGE, load_profile
from laketrain.profile.store import ZONES, find_profile
from laketrain.report.run import Run

MOST_WARNINGS = 12


@dataclass(frozen=True)
class ProfileSummary:
    """A table's profile in short; `problem` is why there is none, or empty."""

    ref: str
    columns: int
    warnings: list[str]
    more: int
    page: str
    problem: str


@dataclass(frozen=True)
class Profiles:
    """The profiles of the run's clean and integrated tables."""

    tables: list[ProfileSummary]


def profiles(run: Run) -> Profiles | None:
    """None if the run has no such table, or if its config turns profiles off and there are none."""
    tables = [_summary(run, version) for version in run.history if version.zone in ZONES]
    if not run.record.workload.profile:
        tables = [table for table in tables if table.page]
    return Profiles(tables) if tables else None


def _summary(run: Run, version: Version) -> ProfileSummary:
    committed = find_profile(version)
    if committed is None:
        return ProfileSummary(version.ref, 0, [], 0, "",
                              "has no profile: laketrain profile makes it, or says why it can't")
    try:
        profile = load_profile(committed)
    except LakeError as error:
        return ProfileSummary(version.ref, 0, [], 0, "", error.problem)
    texts = [warning.text for warning in profile.warnings]
    page = run.lake.store.local(committed.path(PAGE)) or committed.url(PAGE)
    return ProfileSummary(version.ref, len(profile.columns), texts[:MOST_WARNINGS], max(0, len(texts) - MOST_WARNINGS),
                    run.redactor.scrub(page), "")
