"""Copies a source's files to `raw/<name>` unchanged, before anything parses or checks them.

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
from laketrain.ingest.listing import ListedFile
from laketrain.ingest.plan import Plan
from laketrain.lake import DataFile, Draft, Lake, Version
from laketrain.lake.manifests import RawManifest
from laketrain.lake.stores.hdfs_errors import first_line
from laketrain.lake.stores.remote import filesystem_of

_COPIES_AT_ONCE = 8


def ingest(lake: Lake, name: str, plan: Plan, key: str) -> Version:
    """Copies the plan's files and commits them as the next version of `raw/<name>`. A plan that would append no files
    returns the version that it would append to.

    Raises CommitConflict where another job committed first.
    """
    if plan.appends_to and not plan.files:
        return plan.appends_to[-1]
    started = time.monotonic()
    with lake.table("raw", name).stage() as draft:
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            files = list(pool.map(lambda file: _copy(draft, file), plan.files))
        return draft.commit(
            stage="ingest",
            fingerprint=key,
            files=files,
            counts={"files": len(files), "bytes": sum(file.bytes for file in files),
                    **({"gone": plan.gone} if plan.gone else {})},
            meta=_manifest(plan).to_meta(),
            after=plan.after,
            seconds=time.monotonic() - started,
        )


def _manifest(plan: Plan) -> RawManifest:
    return RawManifest(
        base=plan.listing.base,
        sources={file.name: file.url for file in plan.files},
        changed={file.name: file.changed for file in plan.files},
        hidden=plan.listing.hidden,
        appends_to=[version.number for version in plan.appends_to],
    )


def _copy(draft: Draft, file: ListedFile) -> DataFile:
    store, path = draft.table.lake.store, draft.path(file.name)
    filesystem, source = filesystem_of(file.url)
    if "file" in filesystem.protocol:
        with _read_errors(file):
            _check_readable(str(source))
        store.put(str(source), path)
    else:
        with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
            copy = str(Path(folder) / "file")
            with _read_errors(file):
                filesystem.get_file(source, copy)
            store.put(copy, path)
    # The commit compares sizes, and so detects a file that grew or shrank meanwhile.
    return DataFile(path=file.name, bytes=file.size)


def _check_readable(path: str) -> None:
    """Opens the file, so that a dangling link or a missing permission is reported as the source's problem."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it isn't a regular file")
    with open(path, "rb"):
        pass


@contextmanager
def _read_errors(file: ListedFile) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # the client of HDFS raises RuntimeError
        reason = getattr(error, "strerror", None) or first_line(error)
        raise DataError("ingest", f"file {file.url}", f"can't be read: {reason}",
                        "mend or remove it, or pass it over by a narrower 'path' of the source") from error
