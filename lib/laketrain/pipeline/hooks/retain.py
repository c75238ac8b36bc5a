"""Drops old versions at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from laketrain.lake import Retention, retire
from laketrain.lake.quarantine import quarantine_name
from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.base import Hook
from laketrain.stages import Outcome


class RetainHook(Hook):
    """Applies the section `retain` to the tables of the run, their quarantines and profiles, and the run's reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run_ended(self, outcomes: Sequence[Outcome]) -> None:
        policy = self._context.workload.retain
        if policy is None:
            return
        tables = {f"runs/{self._context.workload.name}"}
        for version in (outcome.version for outcome in outcomes):
            tables |= {version.table, f"quarantine/{quarantine_name(version.zone, version.name)}",
                       f"profiles/{version.zone}.{version.name}"}
        dropped = retire(self._context.lake, Retention(policy.versions, policy.days), tables.__contains__)
        if dropped:
            self._context.note(f"dropped {len(dropped)} old versions, as 'retain' asks")
