"""The stage `ingest` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.stages import IncrementalWork, RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.config.sources import FileSource
    from laketrain.lake import Version
    from laketrain.workload import Workload


class IngestStage(Stage):
    """From sources to `raw/`."""

    name = "ingest"
    help = "Land the sources in raw/."
    zone = "raw"
    key = "sources"

    def tables(self, workload: Workload) -> Sequence[str]:
        return list(workload.sources)

    def plan(self, run: RunContext, name: str) -> Work | IncrementalWork:
        from laketrain.config.sources import FileSource

        source = run.workload.sources[name]
        if isinstance(source, FileSource):
            return _files(run, name, source)
        from laketrain.ingest.row_sources import ingest_rows

        return IncrementalWork(lambda: ingest_rows(run.spark, run.lake, name, source))


def _files(run: RunContext, name: str, source: FileSource) -> Work:
    from laketrain.ingest.plan import plan_ingest
    from laketrain.ingest.stage import ingest
    from laketrain.lake.appends import appended_to

    before = run.lake.table("raw", name).latest()
    plan, key = plan_ingest(name, source, before)
    # If increments turn into a whole, the whole becomes the newest, for the next increment to go on from.
    whole = before is not None and not source.incremental and bool(appended_to(before))

    def report_gone(version: Version) -> None:
        if before is not None and plan.gone:
            run.note(f"{plan.gone} files that {before.ref} holds are no longer at the source, and {version.ref} is "
                     "without them", once=True)

    return Work(key, lambda: ingest(run.lake, name, plan, key), force=run.force or whole,
                before=before.number if before else 0, done=report_gone)
