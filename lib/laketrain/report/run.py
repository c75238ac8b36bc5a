"""The run that a report is about: the versions that it made or reused, and their ancestors.

    run = Run(lake, record)
    run.made("train"), run.dataset, run.history
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version, lineage
from laketrain.lake.manifests import CommonManifest
from laketrain.lake.quarantine import quarantine_name
from laketrain.report.redact import Redactor
from laketrain.stages import RunRecord


def parents_of(version: Version) -> list[str]:
    """The refs of a version's parents."""
    return [f"{table}@{number}" for table, number in sorted(version.entry.parents.items())]


@dataclass(frozen=True)
class Run:
    """The record of a run, and its lake."""

    lake: Lake
    record: RunRecord

    @cached_property
    def redactor(self) -> Redactor:
        """Removes the workload's secrets from texts."""
        return Redactor(self.record.workload)

    def made(self, stage: str) -> list[Version]:
        """The versions that the run made, or reused unchanged, in a stage."""
        return [outcome.version for outcome in self.record.outcomes if outcome.stage == stage]

    def last(self, stage: str) -> Version | None:
        """The last version that a stage made or reused; None if there is none."""
        return next(reversed(self.made(stage)), None)

    @cached_property
    def zones(self) -> list[str]:
        """The zones that the stages write to, in the order of the stages."""
        return list(dict.fromkeys(stage.zone for stage in self.record.stages))

    @cached_property
    def history(self) -> list[Version]:
        """The run's versions and all their ancestors, each once, in the order of the stages. An ancestor that is no
        longer in the lake is left out, as are those that only it leads to."""
        order = {zone: index for index, zone in enumerate(self.zones)}
        made = [outcome.version for outcome in self.record.outcomes]
        versions = {version.ref: version for version in made}
        ancestors: dict[str, Version] = {}
        # The last ones first: most of the others are their ancestors, and need no search of their own.
        for version in reversed(made):
            if version.ref not in ancestors:
                ancestors.update((parent.ref, parent) for parent in self._ancestors(version))
        return sorted({**versions, **ancestors}.values(), key=lambda version: order.get(version.zone, len(order)))

    def _ancestors(self, version: Version) -> list[Version]:
        try:
            return lineage(self.lake, version)
        except LakeError:
            parents = [parent for table, number in version.entry.parents.items()
                       if (parent := self._get(table, number))]
            return [*parents, *(older for parent in parents for older in self._ancestors(parent))]

    @cached_property
    def dataset(self) -> Version | None:
        """The dataset that the run made, trained on, or evaluated on."""
        return self.last("convert") or self.parent(self.last("evaluate") or self.last("train"), "features")

    @cached_property
    def model(self) -> Version | None:
        """The model that the run trained, evaluated or predicted with."""
        return self.last("train") or self.parent(self.last("evaluate") or self.last("predict"), "models")

    def parent(self, version: Version | None, zone: str) -> Version | None:
        """The parent in `zone`; None if there is none, or if it is no longer in the lake."""
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
        """The rows that a stage rejected when it made `version`."""
        table = self.lake.table("quarantine", quarantine_name(version.zone, version.name))
        number = CommonManifest.of(version).quarantine
        try:
            return table.get(number) if isinstance(number, int) else table.find(version.entry.fingerprint)
        except LakeError:
            return None

    def quarantined_by_failure(self) -> list[Version]:
        """The rejected rows of a stage that failed because they were too many."""
        if self.record.failure is None:
            return []
        latest = (self.lake.table("quarantine", name).latest() for name in self._quarantines())
        of_versions = {quarantine.ref for version in self.history if (quarantine := self.quarantine(version))}
        return [version for version in latest if version and version.ref not in of_versions
                and version.created >= self.record.began]

    def _quarantines(self) -> list[str]:
        """The names of the quarantine tables of all tables that the workload's stages make."""
        workload = self.record.workload
        return [quarantine_name(stage.zone, name) for stage in self.record.stages if stage.declared(workload)
                for name in stage.tables(workload)]
