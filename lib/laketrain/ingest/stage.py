"""Lands a source's files in `raw/<name>`: whatever a system delivers is kept as it came, before anything judges it.

    plan, key = plan_ingest("pixels", source)
    version = ingest(lake, "pixels", plan, key)
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec

from laketrain.ingest.listing import SourceFile
from laketrain.ingest.plan import Plan
from laketrain.lake import DataFile, Draft, Lake, Version
from laketrain.lake.increments import ADDS_TO

_COPIES_AT_ONCE = 8


def ingest(lake: Lake, name: str, plan: Plan, key: str) -> Version:
    """Copies the plan's files and commits them as the next version of `raw/<name>`; where an increment has none, the
    version that it would add to is returned as it is."""
    if plan.adds_to and not plan.files:
        return plan.adds_to[-1]
    started = time.monotonic()
    with lake.table("raw", name).stage() as draft:
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            landed = list(pool.map(lambda file: _land(draft, file), plan.files))
        return draft.commit(
            stage="ingest",
            fingerprint=key,
            files=landed,
            counts={"files": len(landed), "bytes": sum(file.bytes for file in landed)},
            meta=_meta(plan),
            seconds=time.monotonic() - started,
        )


def _meta(plan: Plan) -> dict[str, object]:
    return {
        "base": plan.listing.base,
        "sources": {file.name: file.url for file in plan.files},
        "changed": {file.name: file.changed for file in plan.files},
        "hidden": plan.listing.hidden,
        ADDS_TO: [version.number for version in plan.adds_to],
    }


def _land(draft: Draft, file: SourceFile) -> DataFile:
    store, path = draft.table.lake.store, draft.path(file.name)
    filesystem, source = fsspec.core.url_to_fs(file.url)
    if "file" in filesystem.protocol:
        store.put(str(source), path)
    else:
        with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
            copy = str(Path(folder) / "file")
            filesystem.get_file(source, copy)
            store.put(copy, path)
    # A file that grew or shrank meanwhile is found by the commit, which compares sizes and has it all on disk first.
    return DataFile(path=file.name, bytes=file.size)
