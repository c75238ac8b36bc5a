"""Lands a source's files in `raw/<name>`: whatever a system delivers is kept as it came, before anything judges it.

    plan, key = plan_ingest("pixels", source)
    version = ingest(lake, "pixels", plan, key)
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from laketrain.errors import DataError
from laketrain.ingest.listing import SourceFile
from laketrain.ingest.plan import Plan
from laketrain.lake import DataFile, Draft, Lake, Version
from laketrain.lake.hdfs_errors import first_line
from laketrain.lake.increments import ADDS_TO
from laketrain.lake.remote import filesystem_of

_COPIES_AT_ONCE = 8


def ingest(lake: Lake, name: str, plan: Plan, key: str) -> Version:
    """Copies the plan's files and commits them as the next version of `raw/<name>`; where an increment has none, the
    version that it would add to is returned as it is.

    Raises CommitConflict where another job landed an increment first.
    """
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
            counts={"files": len(landed), "bytes": sum(file.bytes for file in landed),
                    **({"gone": plan.gone} if plan.gone else {})},
            meta=_meta(plan),
            after=plan.after,
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
    filesystem, source = filesystem_of(file.url)
    if "file" in filesystem.protocol:
        with _readable(file):
            _look(str(source))
        store.put(str(source), path)
    else:
        with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
            copy = str(Path(folder) / "file")
            with _readable(file):
                filesystem.get_file(source, copy)
            store.put(copy, path)
    # A file that grew or shrank meanwhile is found by the commit, which compares sizes and has it all on disk first.
    return DataFile(path=file.name, bytes=file.size)


def _look(path: str) -> None:
    """Opens the file: a link to nothing or somebody else's file is to be told as such, and not as the lake's fault."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it is no regular file")
    with open(path, "rb"):
        pass


@contextmanager
def _readable(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # the latter is what the client of HDFS raises
        why = getattr(error, "strerror", None) or first_line(error)
        raise DataError("ingest", f"file {file.url}", f"can't be read: {why}",
                        "mend or remove it, or pass it over by a narrower 'path' of the source") from error
