"""Lands a source's files in `raw/<name>`: whatever a system delivers is kept as it came, before anything judges it.

    files = plan_ingest(source, "pixels")
    version = ingest(lake, "pixels", source, files, fingerprint)
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fsspec

from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.lake import DataFile, Draft, Lake, Version, fingerprint

REVISION = 1
_COPIES_AT_ONCE = 8


@dataclass(frozen=True)
class SourceFile:
    """A file to land: where it is, its name in the lake, and what tells that it has changed."""

    url: str
    name: str
    size: int
    changed: str


def plan_ingest(name: str, source: Source) -> tuple[list[SourceFile], str]:
    """The source's files in the order of their names, and the fingerprint of landing just these.

    Raises DataError where the path matches nothing, or two files would have one name in the lake.
    """
    filesystem, pattern = fsspec.core.url_to_fs(source.path)
    if filesystem.isdir(pattern):
        pattern = pattern.rstrip("/") + "/**"
    found = [path for path in sorted(filesystem.glob(pattern)) if not _hidden(path) and not filesystem.isdir(path)]
    if not found:
        raise DataError("ingest", f"source {name!r}", f"no file matches {source.path}",
                        f"check the path, or 'sources.{name}.path'")
    base = _common_directory(found)
    files = []
    for path in found:
        info = filesystem.info(path)
        changed = str(info.get("mtime") or info.get("LastModified") or info.get("ETag") or "")
        url = filesystem.unstrip_protocol(path)
        files.append(SourceFile(url, _name_in_lake(path[len(base):]), int(info["size"]), changed))
    _refuse_same_names(name, files)
    settings = {"format": source.format, "files": [(file.url, file.size, file.changed) for file in files]}
    return files, fingerprint("ingest", REVISION, settings)


def ingest(lake: Lake, name: str, files: Sequence[SourceFile], key: str) -> Version:
    """Copies `files` and commits them as the next version of `raw/<name>`."""
    started = time.monotonic()
    with lake.table("raw", name).stage() as draft:
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            landed = list(pool.map(lambda file: _land(draft, file), files))
        return draft.commit(
            stage="ingest",
            fingerprint=key,
            files=landed,
            counts={"files": len(landed), "bytes": sum(file.bytes for file in landed)},
            meta={"sources": {file.name: file.url for file in files}},
            seconds=time.monotonic() - started,
        )


def _land(draft: Draft, file: SourceFile) -> DataFile:
    store, path = draft.table.lake.store, draft.path(file.name)
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        store.put(_local_copy(file.url, folder), path)
    # A file that grew or shrank meanwhile is found by the commit, which compares sizes.
    return DataFile(path=file.name, bytes=file.size)


def _local_copy(url: str, folder: str) -> str:
    filesystem, path = fsspec.core.url_to_fs(url)
    if "file" in filesystem.protocol:
        return str(path)
    copy = str(Path(folder) / "file")
    filesystem.get_file(path, copy)
    return copy


def _name_in_lake(path: str) -> str:
    """`path` without the characters that Spark would read as a pattern."""
    return re.sub(r"[*?\[\]{}\\\x00-\x1f]", "_", path)


def _refuse_same_names(name: str, files: Sequence[SourceFile]) -> None:
    first: dict[str, str] = {}
    for file in files:
        if file.name in first:
            raise DataError("ingest", f"source {name!r}", f"{first[file.name]} and {file.url} would both be "
                            f"{file.name}", "rename one of them")
        first[file.name] = file.url


def _hidden(path: str) -> bool:
    return path.rsplit("/", 1)[-1].startswith(("_", "."))


def _common_directory(paths: Sequence[str]) -> str:
    """The directory that holds all of `paths`, with its last slash."""
    parts = [path.split("/")[:-1] for path in paths]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared) + "/"
