"""Runs stages: looks up each table by its fingerprint, makes it under a lease if it is missing, and records it.

    runner = Runner(context, hooks)
    versions = runner.run(stage)             # {"pixels": clean/pixels@3}
    runner.outcomes
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from laketrain.errors import CommitConflict, LaketrainError
from laketrain.lake import Table, Version
from laketrain.lake.version import newer_parent, newest_of
from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.base import Hook
from laketrain.stages import IncrementalWork, Outcome, Stage, StageEnded, StageStarted, Work


class Runner:
    """Runs the stages of one pipeline. `outcomes` are those of the runs so far, until they are cleared."""

    def __init__(self, context: Context, hooks: Sequence[Hook]) -> None:
        self.outcomes: list[Outcome] = []
        self._context, self._hooks = context, hooks
        context.listeners += [hook.on_event for hook in hooks]

    def run(self, stage: Stage, force: bool = False, each: bool = False) -> dict[str, Version]:
        """Runs a stage. Returns the version of each of its tables, new or not.

        Args:
            force: makes them even if the lake has them. each: continues after a table that fails.

        Raises:
            LaketrainError: a table failed. With `each` this is raised after all tables.
        """
        self._context.force = force
        versions: dict[str, Version] = {}
        failures: list[LaketrainError] = []
        for name in stage.tables(self._context.workload):
            try:
                versions[name] = self._table(stage, name)
            except LaketrainError as error:
                if not each:
                    raise
                failures.append(error)
        if len(failures) > 1:
            raise LaketrainError(stage.name, f"{len(failures)} {stage.key}", "; ".join(map(str, failures)))
        if failures:
            raise failures[0]
        return versions

    def ended(self) -> None:
        """Calls the hooks at the end of a run."""
        for hook in self._hooks:
            hook.run_ended(self.outcomes)

    def _table(self, stage: Stage, name: str) -> Version:
        """Plans the work again whenever another job made the table from newer inputs in the meantime; with older inputs
        the table would return to an earlier state."""
        table = self._context.output(stage.zone, name)
        while True:
            try:
                work = stage.plan(self._context, name)
                if isinstance(work, Work):
                    return self._version(stage, table, work)
                break
            except CommitConflict as error:
                self._context.note(f"{error.problem}: planning it again")
        return self._incremental(stage, table, work)

    def _version(self, stage: Stage, table: Table, work: Work) -> Version:
        started = time.monotonic()
        before = max(table.versions(), default=0) if work.before is None else work.before
        self._context.report(StageStarted(stage.name, table.name))
        try:
            version = existing = self._find(table, work)
            if version is None:
                with self._context.lease(table, work.fingerprint):
                    # Another job may have made it while this one waited for the lease.
                    existing = self._find(table, work)
                    version = existing or self._make(stage, work)
        except CommitConflict:
            for parent in work.parents:
                self._context.forget(parent.table)
            raise
        outcome = Outcome(stage.name, version, existing is not None, time.monotonic() - started)
        self._record(outcome, before)
        if work.done is not None:
            work.done(version)
        return version

    def _find(self, table: Table, work: Work) -> Version | None:
        """The version with the work's fingerprint; None to make it. Raises CommitConflict if the latest version was
        made from newer parents."""
        newest = newest_of(work.parents)
        latest = table.latest() if newest else None
        if latest is not None and (parent := newer_parent(latest, newest)):
            raise CommitConflict("lake", table.path, f"{latest.ref} was made from {parent} meanwhile",
                                 "make it again from the latest")
        force = self._context.force if work.force is None else work.force
        return None if force else table.find(work.fingerprint, *work.earlier)

    def _make(self, stage: Stage, work: Work) -> Version:
        with ExitStack() as stack:
            for hook in self._hooks:
                stack.enter_context(hook.making(stage, work))
            version = work.make()
            for hook in self._hooks:
                hook.made(version)
        return version

    def _incremental(self, stage: Stage, table: Table, work: IncrementalWork) -> Version:
        """Commits what is new. Returns the latest version of the table, which may be an earlier run's."""
        self._context.report(StageStarted(stage.name, table.name))
        started, latest = time.monotonic(), None
        with self._context.lease(table, "arrivals"):
            for latest in work.make():
                self._record(Outcome(stage.name, latest, False, time.monotonic() - started))
                started = time.monotonic()
        if latest is None:
            latest = self._context.lake.version(table.path)
            self._record(Outcome(stage.name, latest, True, time.monotonic() - started))
        return latest

    def _record(self, outcome: Outcome, before: int = 0) -> None:
        """Records a stage's outcome; `before` was the table's newest version at the start."""
        self._context.add(outcome.version, before)
        self.outcomes.append(outcome)
        self._context.report(StageEnded(outcome))
        for hook in self._hooks:
            hook.stage_ended(outcome)
