"""Commits the report of a run to `runs/<workload>`: report.html and run.json.

    version = write_report(lake, record)
"""

from __future__ import annotations

import json

from laketrain.lake import Lake, Version
from laketrain.lake.manifests import ReportManifest
from laketrain.report.page import render
from laketrain.report.redact import Redactor
from laketrain.stages import RunRecord


def write_report(lake: Lake, record: RunRecord) -> Version | None:
    """Commits the report. A run that changed nothing writes none, and the latest report, if any, is returned."""
    table = lake.table("runs", record.workload.name)
    latest = table.latest()
    if not record.changed and latest is not None:
        return latest
    if not record.outcomes and record.failure is None:
        return latest
    parents = {outcome.version.table: outcome.version.number for outcome in record.outcomes}
    outcomes = [outcome.to_dict() for outcome in record.outcomes]
    facts = {"source": record.source, "began": record.began.isoformat(), "seconds": record.seconds,
             "failure": Redactor(record.workload).scrub(str(record.failure)) if record.failure else None,
             "outcomes": outcomes}
    with table.stage() as draft:
        lake.store.write(draft.path("report.html"), render(lake, record).encode())
        lake.store.write(draft.path("run.json"), json.dumps(facts, indent=1).encode())
        manifest = ReportManifest(failed=record.failure is not None, began=record.began.isoformat())
        return draft.commit(stage="report", parents=parents, seconds=record.seconds,
                            counts={"stages": len(outcomes), "made": sum(not entry["skipped"] for entry in outcomes)},
                            meta=manifest.to_meta())
