"""Removes what killed jobs left: data without a log entry, temporary files, leases and abandoned checkpoints.

    report = collect(lake, older_than=timedelta(days=7), dry_run=True)
    report.data, report.bytes

Data of a version is never removed, even if the version is committed meanwhile, except abandoned checkpoints. The age of
files is measured by the storage's own clock, because this machine's may be days off.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from laketrain.errors import LakeError
from laketrain.lake.draft import STAMP, data_path, in_progress_marker, remove_draft, sealed_marker
from laketrain.lake.lake import Lake
from laketrain.lake.lease import stale_heartbeats
from laketrain.lake.paths import name_problem
from laketrain.lake.stores.store import FileInfo
from laketrain.lake.table import Table
from laketrain.lake.version import Version

_CLOCK = "_clock"
GRACE = timedelta(hours=1)
"""The longest time that a create or a commit may take from its first to its last request, also for a shorter
`older_than`."""


@dataclass(frozen=True)
class GcReport:
    """What was removed, or would be in a dry run: data directories and temporary files, by their paths relative to the
    lake's root, and their size in bytes."""

    data: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    bytes: int = 0
    dry_run: bool = False


def collect(lake: Lake, older_than: timedelta, dry_run: bool = False, *, now: datetime | None = None) -> GcReport:
    """Removes data that belongs to no version and was last written before `now - older_than`.

    Args:
        older_than: longer than the longest pause of a running job between two writes. A job with a longer pause loses
            its draft, and its commit fails; versions are never damaged.
        dry_run: only report.
        now: the present; None for the storage's clock.

    Raises:
        LakeError: a log entry can't be read, so its files are unknown (nothing of that table is removed), or
            `older_than` is negative.
    """
    if older_than < timedelta(0):
        raise LakeError("lake", "gc", f"older_than is {older_than}, expected zero or more")
    present = now.timestamp() if now else _storage_time(lake)
    # Whatever was last written before `settled` belongs to no create or commit that is still running.
    cutoff, settled = present - older_than.total_seconds(), present - max(older_than, GRACE).total_seconds()
    data: list[str] = []
    temporary: list[str] = []
    size = 0
    for table in _all_tables(lake):
        drafts = _abandoned_drafts(table, cutoff, settled)
        if not dry_run:
            drafts = _remove_abandoned(table, drafts, settled)
        files = _stale_files(table, settled)
        if not dry_run:
            for file in files:
                lake.store.delete(file.path)
        data += [data_path(table, unique) for unique in drafts]
        temporary += [file.path for file in files]
        size += sum(drafts.values()) + sum(file.size for file in files)
    for version in _abandoned_checkpoints(lake, cutoff):
        if not dry_run:
            lake.table(version.zone, version.name).drop(version.number)
        data.append(version.path())
        size += sum(file.bytes for file in version.entry.files)
    for heartbeat in stale_heartbeats(lake, settled):
        if not dry_run:
            lake.store.delete(heartbeat.path.rpartition("/")[0])
        temporary.append(heartbeat.path)
        size += heartbeat.size
    return GcReport(tuple(data), tuple(temporary), size, dry_run)


def _storage_time(lake: Lake) -> float:
    """The present by the storage's clock, from the time of a new file; by this machine's clock if none can be made."""
    path = f"{_CLOCK}/{uuid.uuid4().hex}"
    try:
        lake.store.create(path, b"{}")
        made = next(file.mtime for file in lake.store.list(_CLOCK) if file.path == path)
        lake.store.delete(path)
    except (OSError, LakeError, StopIteration):
        return time.time()
    return made


def _all_tables(lake: Lake) -> Iterable[Table]:
    """Also those without a version, which hold nothing but what killed jobs left."""
    return (Table(lake, zone, name) for zone in lake.zones() for name in lake.store.dirs(zone)
            if not name_problem(name))


def _abandoned_drafts(table: Table, cutoff: float, settled: float) -> dict[str, int]:
    """The drafts that belong to no version and weren't written since `cutoff`, with the size of their data in bytes."""
    markers = {file.path: file.mtime for file in table.lake.store.list(f"{table.path}/_drafts")}
    uniques = set(table.lake.store.dirs(f"{table.path}/data"))
    uniques |= {path.rsplit("/", 1)[1].rsplit(".", 1)[0] for path in markers}
    drafts: dict[str, int] = {}
    for unique in sorted(uniques - _committed(table)):
        written, size = _last_written(table, unique, markers)
        sealed = markers.get(sealed_marker(table, unique), 0.0)
        if written is not None and written <= cutoff and sealed <= settled:
            drafts[unique] = size
    return drafts


def _remove_abandoned(table: Table, drafts: dict[str, int], settled: float) -> dict[str, int]:
    """Removes those of `drafts` that are still abandoned, and returns them.

    A draft may be committed at any instant, so the log that was read before may be out of date. Hence each draft is
    sealed first, with a create that its commit needs too. Either that succeeds and the draft can't be committed any
    more, or its commit came first, and then the log contains it when it is read again.
    """
    sealed = [unique for unique in drafts if _seal(table, unique, settled)]
    committed = _committed(table)
    for unique in sealed:
        if unique in committed:
            table.lake.store.delete(sealed_marker(table, unique))
        else:
            remove_draft(table, unique)
    return {unique: drafts[unique] for unique in sealed if unique not in committed}


def _seal(table: Table, unique: str, settled: float) -> bool:
    marker = sealed_marker(table, unique)
    try:
        table.lake.store.create(marker, b"{}")
    except FileExistsError:
        # A commit is in progress or was killed. Only the marker's age distinguishes them.
        return any(file.path == marker and file.mtime <= settled
                   for file in table.lake.store.list(f"{table.path}/_drafts"))
    return True


def _committed(table: Table) -> set[str]:
    return {version.entry.data.partition("/")[2] for version in table.newest_first()}


def _last_written(table: Table, unique: str, markers: dict[str, float]) -> tuple[float | None, int]:
    """When the draft was staged or last written, whichever is later (None if unknown), and its size in bytes."""
    store, path = table.lake.store, data_path(table, unique)
    files = store.list(path, recursive=True) + store.temporary(path)
    times = [file.mtime for file in files]
    if in_progress_marker(table, unique) in markers:
        times.append(markers[in_progress_marker(table, unique)])
    try:
        staged = datetime.strptime(unique.partition("-")[0], STAMP).replace(tzinfo=timezone.utc)
        times.append(staged.timestamp())
    except ValueError:
        pass  # not named by laketrain: only its files have a time
    return max(times, default=None), sum(file.size for file in files)


def _abandoned_checkpoints(lake: Lake, cutoff: float) -> list[Version]:
    """Checkpoints of trainings that haven't saved any since `cutoff`. Such a training was killed, and wasn't resumed
    because its data or settings changed. The latest version of a table is kept, because numbers are counted from it."""
    abandoned: list[Version] = []
    for table in (table for table in lake.tables() if table.zone == "checkpoints"):
        saved = {file.path: file.mtime for file in lake.store.list(f"{table.path}/_log")}
        versions = list(table.newest_first())
        last: dict[str, float] = {}
        for version in versions:
            training, time_saved = version.entry.fingerprint, saved.get(table.log_path(version.number), math.inf)
            last[training] = max(time_saved, last.get(training, time_saved))
        abandoned += [version for version in versions[1:] if last[version.entry.fingerprint] <= cutoff]
    return abandoned


def _stale_files(table: Table, settled: float) -> list[FileInfo]:
    """Temporary files of killed creates, and markers of drafts whose job was killed right after the commit."""
    store, drafts = table.lake.store, f"{table.path}/_drafts"
    committed = _committed(table)
    files = store.temporary(f"{table.path}/_log") + store.temporary(drafts)
    files += [file for file in store.list(drafts) if file.path.rsplit("/", 1)[1].rsplit(".", 1)[0] in committed]
    return [file for file in files if file.mtime <= settled]
