"""The state that the stages of one pipeline share: workload, lake, Spark session, versions so far.

    context.input("raw", "pixels")       # the version of this pipeline or, if it has none, the latest in the lake
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from laketrain import events
from laketrain.errors import LakeError
from laketrain.lake import ZONES, Lake, Table, Version, lease
from laketrain.stages import STAGES, Event, Listener, Note, RankEvent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.workload import Workload


class Context:
    """The state of one pipeline; a stage sees it as `laketrain.stages.RunContext`.

    Args:
        listener: receives the events. spark: a session to use; by default the active one, else one with the workload's
            settings, started when it is first needed.
    """

    def __init__(self, workload: Workload, listener: Listener, spark: SparkSession | None = None) -> None:
        self.workload = workload
        self.lake = Lake(workload.lake)
        self.listeners = [listener]
        self.force = False
        self._spark = spark
        self._made: dict[str, Version] = {}
        self._notes: set[str] = set()

    @property
    def spark(self) -> SparkSession:
        """The Spark session. It is started at the first use, so a run without changes never starts Spark."""
        if self._spark is None:
            from laketrain.spark.s3 import check_s3
            from laketrain.spark.session import session

            self._spark = session(self.workload.spark, self.workload.name)
            if self.lake.url.startswith("s3"):
                check_s3(self._spark)
        return self._spark

    @property
    def started_spark(self) -> bool:
        """Whether the session is started."""
        return self._spark is not None

    def output(self, zone: str, name: str) -> Table:
        """The table that a stage makes; a zone of a plugin's stage is added to the lake first."""
        if zone not in ZONES:
            self.lake.add_zone(zone)
        return self.lake.table(zone, name)

    def input(self, zone: str, name: str) -> Version:
        """As `RunContext.input`."""
        version = self.made(f"{zone}/{name}")
        if version is not None:
            return version
        latest = self.output(zone, name).latest()
        if latest is None:
            hints = (f"run the stage {stage.name!r} first, e.g. laketrain run {self.workload.source} --to {stage.name}"
                     for stage in STAGES.values() if stage.zone == zone)
            raise LakeError("lake", f"{zone}/{name}", "nothing was committed to it yet", next(hints, ""))
        return replace(latest, newest=latest.number)

    def table(self, name: str) -> Version:
        """As `RunContext.table`."""
        return self.input("integrated" if name in self.workload.integrate else "clean", name)

    def made(self, table: str) -> Version | None:
        """As `RunContext.made`."""
        return self._made.get(table)

    def add(self, version: Version, newest: int) -> None:
        """Remembers a stage's version, chosen when `newest` was the table's newest version."""
        self._made[version.table] = replace(version, newest=max(version.number, newest))

    def forget(self, table: str) -> None:
        """Forgets the version, so that the latest one is read at the next use."""
        self._made.pop(table, None)

    def note(self, text: str, once: bool = False) -> None:
        """As `RunContext.note`."""
        if not once or text not in self._notes:
            self.report(Note(text))
        if once:
            self._notes.add(text)

    def rank_event(self, rank: int, event: events.Event) -> None:
        """As `RunContext.rank_event`."""
        self.report(RankEvent(rank, event))

    def report(self, event: Event) -> None:
        """Sends an event to all listeners."""
        for listener in self.listeners:
            listener(event)

    def lease(self, table: Table, key: str) -> AbstractContextManager[None]:
        """A lease on the work `key` of the table. While another job has it, this one waits; a note names that job."""
        return lease(self.lake, table.path, key, lambda holder: self.note(f"{table.path}: {holder}"))
