"""The retention policy of old versions, and the versions that it expires.

    policy = Retention(versions=10, days=30)
    [version.ref for version in expired(lake, policy)]        # what `expire` would drop

A version is kept if it is one of the newest of its table, if it is younger than the policy's days, or if a kept version
was made from it: a model keeps its dataset, the dataset keeps its tables, and each keeps what was quarantined for it.
Checkpoints are left to the trainings that write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import itemgetter

from laketrain.errors import LakeError
from laketrain.lake.appends import appended_to
from laketrain.lake.lake import Lake
from laketrain.lake.version import Version

Key = tuple[str, int]
"""A table's path and a version's number."""


@dataclass(frozen=True)
class Retention:
    """Keeps the newest `versions` of each table and, if given, all of the last `days`."""

    versions: int
    days: float | None = None


def expired(lake: Lake, policy: Retention, include: Callable[[str], bool] = lambda table: True, *,
            now: datetime | None = None) -> list[Version]:
    """The versions that the policy expires, newest first, so that no child outlives its parent.

    Args:
        include: whether versions of a table, e.g. "clean/pixels", may expire.
        now: the present; None for the clock's.

    Raises:
        LakeError: a log entry can't be read, so its parents are unknown; or the policy keeps nothing.
    """
    if policy.versions < 1:
        raise LakeError("lake", "gc", f"would keep {policy.versions} versions of each table, expected 1 or more")
    tables = {table.path: [*table.newest_first()] for table in lake.tables() if table.zone != "checkpoints"}
    by_key = {(path, version.number): version for path, versions in tables.items() for version in versions}
    oldest = (now or datetime.now(timezone.utc)) - timedelta(days=policy.days or 0)
    kept = {(path, version.number) for path, versions in tables.items() for index, version in enumerate(versions)
            if index < policy.versions or (policy.days is not None and version.created > oldest)}
    kept = _with_ancestors(kept, by_key)
    fingerprints = {by_key[key].entry.fingerprint for key in kept} - {""}
    dropped = [version for (path, number), version in by_key.items() if (path, number) not in kept and include(path)
               and not (version.zone == "quarantine" and version.entry.fingerprint in fingerprints)]
    return sorted(dropped, key=lambda version: version.created, reverse=True)


def expire(lake: Lake, policy: Retention, include: Callable[[str], bool] = lambda table: True,
           dry_run: bool = False) -> list[Version]:
    """Drops the versions that the policy expires, and returns them. A run that reads one of them meanwhile fails; when
    it is started again, it reads newer versions.

    Raises:
        LakeError: as `expired`.
    """
    dropped = expired(lake, policy, include)
    if not dry_run:
        for version in dropped:
            lake.table(version.zone, version.name).drop(version.number)
    return dropped


def _with_ancestors(kept: Iterable[Key], by_key: dict[Key, Version]) -> set[Key]:
    """`kept`, their ancestors, and the versions that they append to.

    A version appends to everything that its own appends append to, so of a stream's thousands of versions only the
    newest is expanded. A model that another was initialised from is kept without its own ancestors: otherwise a chain
    of models would keep every dataset there was.
    """
    visited, appended, initial_models = set[Key](), set[Key](), set[Key]()
    waiting = sorted(kept, key=itemgetter(1))
    while waiting:
        key = waiting.pop()
        if key not in by_key or key in visited:
            continue
        visited.add(key)
        parents = by_key[key].entry.parents.items()
        models = {parent for parent in parents if _is_model(parent) and _is_model(key)}
        initial_models |= models & by_key.keys()
        waiting += parents - models
        if key not in appended:
            more = {(key[0], number) for number in appended_to(by_key[key])} - appended
            appended |= more
            waiting += more
    return visited | initial_models


def _is_model(key: Key) -> bool:
    return key[0].startswith("models/")
