"""A run as its report asks about it: the versions it made or found, and all that they were made from.

    run = Run(lake, record)
    run.made("train"), run.dataset, run.history
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version, lineage
from laketrain.lake.quarantine import quarantine_name
from laketrain.report.redact import Redactor
from laketrain.stages import RunRecord


def parents_of(version: Version) -> list[str]:
    """The refs of what it was made from."""
    return [f"{table}@{number}" for table, number in sorted(version.entry.parents.items())]


@dataclass(frozen=True)
class Run:
    """The record of a run and the lake it ran on."""

    lake: Lake
    record: RunRecord

    @cached_property
    def redactor(self) -> Redactor:
        """Takes the workload's secrets out of texts."""
        return Redactor(self.record.workload)

    def made(self, stage: str) -> list[Version]:
        """What the run made in a stage, or found there unchanged."""
        return [outcome.version for outcome in self.record.outcomes if outcome.stage == stage]

    def last(self, stage: str) -> Version | None:
        """As `made`, for stages that make one version."""
        return next(reversed(self.made(stage)), None)

    @cached_property
    def zones(self) -> list[str]:
        """The zones that the stages write, in the order of the stages."""
        return list(dict.fromkeys(stage.zone for stage in self.record.stages))

    @cached_property
    def history(self) -> list[Version]:
        """The run's versions and all their ancestors, each once, in the order of the road. An ancestor that left the
        lake is passed over, and what was known through it alone."""
        order = {zone: index for index, zone in enumerate(self.zones)}
        made = [outcome.version for outcome in self.record.outcomes]
        found = {version.ref: version for version in made}
        ancestors: dict[str, Version] = {}
        # The last ones first: they stand on most of the others, whose own ancestors are then known.
        for version in reversed(made):
            if version.ref not in ancestors:
                ancestors.update((parent.ref, parent) for parent in self._ancestors(version))
        return sorted({**found, **ancestors}.values(), key=lambda version: order.get(version.zone, len(order)))

    def _ancestors(self, version: Version) -> list[Version]:
        try:
            return lineage(self.lake, version)
        except LakeError:
            there = [parent for table, number in version.entry.parents.items() if (parent := self._get(table, number))]
            return [*there, *(older for parent in there for older in self._ancestors(parent))]

    @cached_property
    def dataset(self) -> Version | None:
        """The features that the run made, trained on, or evaluated on."""
        return self.last("convert") or self.parent(self.last("evaluate") or self.last("train"), "features")

    @cached_property
    def model(self) -> Version | None:
        """The model that the run trained, evaluated or predicted with."""
        return self.last("train") or self.parent(self.last("evaluate") or self.last("predict"), "models")

    def parent(self, version: Version | None, zone: str) -> Version | None:
        """The parent that lies in `zone`; None where there is none, or none any more."""
        for table, number in (version.entry.parents if version else {}).items():
            if table.startswith(f"{zone}/"):
                return self._get(table, number)
        return None

    def _get(self, table: str, number: int) -> Version | None:
        zone, _, name = table.partition("/")
        try:
            return self.lake.table(zone, name).get(number)
        except LakeError:
            return None

    def quarantine(self, version: Version) -> Version | None:
        """The rows that the stage that made `version` rejected."""
        table = self.lake.table("quarantine", quarantine_name(version.zone, version.name))
        number = version.entry.meta.get("quarantine")
        try:
            return table.get(number) if isinstance(number, int) else table.find(version.entry.fingerprint)
        except LakeError:
            return None

    def quarantined_by_failure(self) -> list[Version]:
        """The rejected rows that a stage committed although it failed for too many of them."""
        if self.record.failure is None:
            return []
        latest = (self.lake.table("quarantine", name).latest() for name in self._quarantines())
        known = {quarantine.ref for version in self.history if (quarantine := self.quarantine(version))}
        return [version for version in latest if version and version.ref not in known
                and version.created >= self.record.began]

    def _quarantines(self) -> list[str]:
        """The names of the quarantines of all tables that the workload's stages make."""
        workload = self.record.workload
        return [quarantine_name(stage.zone, name) for stage in self.record.stages if stage.declared(workload)
                for name in stage.tables(workload)]
