"""Removes what killed jobs left: data that no log entry names, temporary files of creates, leases, checkpoints.

    report = collect(lake, older_than=timedelta(days=7), dry_run=True)
    report.data, report.bytes

Data of a version is never removed, also when that version is committed while this runs; but for checkpoints from which
nobody goes on. How old a file is, the storage's own clock says: that of the machine on which this runs may be days off.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from laketrain.errors import LakeError
from laketrain.lake.draft import STAMP, closed_mark, data_path, open_mark, remove_draft
from laketrain.lake.lake import Lake
from laketrain.lake.lease import stale
from laketrain.lake.paths import name_problem
from laketrain.lake.store import FileInfo
from laketrain.lake.table import Table
from laketrain.lake.version import Version

_CLOCK = "_clock"
GRACE = timedelta(hours=1)
"""How long a create or a commit may take between its first and its last request, whatever `older_than` says."""


@dataclass(frozen=True)
class GcReport:
    """What was removed, or would be: data directories, temporary files (both relative to the root), their bytes."""

    data: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    bytes: int = 0
    dry_run: bool = False


def collect(lake: Lake, older_than: timedelta, dry_run: bool = False, *, now: datetime | None = None) -> GcReport:
    """Removes data that no version names and that was last written before `now - older_than`.

    Args:
        older_than: longer than the longest pause of a running job between two writes. A job that pauses longer loses
            its draft and is told so when it commits; no version is ever harmed.
        dry_run: only report.
        now: the present, where not the storage's.

    Raises:
        LakeError: a log entry can't be read (so what it names is unknown: nothing of that table is removed), or
            `older_than` is negative.
    """
    if older_than < timedelta(0):
        raise LakeError("lake", "gc", f"older_than is {older_than}, expected zero or more")
    present = now.timestamp() if now else _present(lake)
    cut, certain = present - older_than.total_seconds(), present - max(older_than, GRACE).total_seconds()
    data: list[str] = []
    temporary: list[str] = []
    size = 0
    for table in _all_tables(lake):
        drafts = _abandoned(table, cut, certain)
        if not dry_run:
            drafts = _removed(table, drafts, certain)
        files = _stale_files(table, certain)
        if not dry_run:
            for file in files:
                lake.store.delete(file.path)
        data += [data_path(table, unique) for unique in drafts]
        temporary += [file.path for file in files]
        size += sum(drafts.values()) + sum(file.size for file in files)
    for version in _left_checkpoints(lake, cut):
        if not dry_run:
            lake.table(version.zone, version.name).drop(version.number)
        data.append(version.path())
        size += sum(file.bytes for file in version.entry.files)
    for sign in stale(lake, certain):
        if not dry_run:
            lake.store.delete(sign.path.rpartition("/")[0])
        temporary.append(sign.path)
        size += sign.size
    return GcReport(tuple(data), tuple(temporary), size, dry_run)


def _present(lake: Lake) -> float:
    """The time by the clock that dates the files: that of a file made now. This machine's, where none can be made."""
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


def _abandoned(table: Table, cut: float, certain: float) -> dict[str, int]:
    """The drafts that no version names and that nobody touched since `cut`, with the bytes of their data."""
    marks = {file.path: file.mtime for file in table.lake.store.list(f"{table.path}/_drafts")}
    uniques = set(table.lake.store.dirs(f"{table.path}/data"))
    uniques |= {path.rsplit("/", 1)[1].rsplit(".", 1)[0] for path in marks}
    found: dict[str, int] = {}
    for unique in sorted(uniques - _committed(table)):
        touched, size = _touched(table, unique, marks)
        closing = marks.get(closed_mark(table, unique), 0.0)
        if touched is not None and touched <= cut and closing <= certain:
            found[unique] = size
    return found


def _removed(table: Table, drafts: dict[str, int], certain: float) -> dict[str, int]:
    """Removes those of `drafts` that are still abandoned, and returns them.

    The order makes it safe. A draft may be committed at any instant, so the log that was read before says nothing
    about now. Hence each draft is closed first, by a create that its commit needs too. From then on either it is ours
    and will never be committed, or its commit came first, and then the log, read once more after that, names it.
    """
    ours = [unique for unique in drafts if _close(table, unique, certain)]
    committed = _committed(table)
    for unique in ours:
        if unique in committed:
            table.lake.store.delete(closed_mark(table, unique))
        else:
            remove_draft(table, unique)
    return {unique: drafts[unique] for unique in ours if unique not in committed}


def _close(table: Table, unique: str, certain: float) -> bool:
    mark = closed_mark(table, unique)
    try:
        table.lake.store.create(mark, b"{}")
    except FileExistsError:
        # A commit is under way, or was killed; only time tells which.
        return any(file.path == mark and file.mtime <= certain
                   for file in table.lake.store.list(f"{table.path}/_drafts"))
    return True


def _committed(table: Table) -> set[str]:
    return {version.entry.data.partition("/")[2] for version in table.each()}


def _touched(table: Table, unique: str, marks: dict[str, float]) -> tuple[float | None, int]:
    """When the draft was staged or last written, whichever is later, and its bytes; None where nothing tells."""
    store, path = table.lake.store, data_path(table, unique)
    files = store.list(path, recursive=True) + store.temporary(path)
    times = [file.mtime for file in files]
    if open_mark(table, unique) in marks:
        times.append(marks[open_mark(table, unique)])
    try:
        staged = datetime.strptime(unique.partition("-")[0], STAMP).replace(tzinfo=timezone.utc)
        times.append(staged.timestamp())
    except ValueError:
        pass  # made by another hand: only its files tell
    return max(times, default=None), sum(file.size for file in files)


def _left_checkpoints(lake: Lake, cut: float) -> list[Version]:
    """Those of trainings that have saved none since `cut`: they were killed, and then their data or their settings
    changed, so that nobody goes on from there. The latest of a table stays, since it keeps the number."""
    found: list[Version] = []
    for table in (table for table in lake.tables() if table.zone == "checkpoints"):
        saved = {file.path: file.mtime for file in lake.store.list(f"{table.path}/_log")}
        versions = list(table.each())
        last: dict[str, float] = {}
        for version in versions:
            training, when = version.entry.fingerprint, saved.get(table.log_path(version.number), math.inf)
            last[training] = max(when, last.get(training, when))
        found += [version for version in versions[1:] if last[version.entry.fingerprint] <= cut]
    return found


def _stale_files(table: Table, certain: float) -> list[FileInfo]:
    """Temporary files of killed creates, and the marks of drafts that were killed just after their commit."""
    store, marks = table.lake.store, f"{table.path}/_drafts"
    committed = _committed(table)
    files = store.temporary(f"{table.path}/_log") + store.temporary(marks)
    files += [file for file in store.list(marks) if file.path.rsplit("/", 1)[1].rsplit(".", 1)[0] in committed]
    return [file for file in files if file.mtime <= certain]
