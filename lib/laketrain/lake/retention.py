"""Which old versions a lake may forget: a policy, and what it means for the versions that are there.

    policy = Retention(versions=10, days=30)
    [version.ref for version in expired(lake, policy)]        # what `retire` would drop

A version stays while it is one of the newest of its table or younger than the days, whichever is longer; and while a
version that stays was made from it: a model keeps its dataset, that the tables it came from, those what was quarantined
on the way. Checkpoints are their trainings' own business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import itemgetter

from laketrain.errors import LakeError
from laketrain.lake.increments import added_to
from laketrain.lake.lake import Lake
from laketrain.lake.version import Version

Key = tuple[str, int]
"""A table's path and a version's number."""


@dataclass(frozen=True)
class Retention:
    """Keeps the newest `versions` of each table and, where given, all of the last `days`."""

    versions: int
    days: float | None = None


def expired(lake: Lake, policy: Retention, among: Callable[[str], bool] = lambda table: True, *,
            now: datetime | None = None) -> list[Version]:
    """The versions that the policy lets go, the newest first, so that no child outlives its parent.

    Args:
        among: whether versions of this table, e.g. "clean/pixels", may go. now: the present, where not the clock's.

    Raises:
        LakeError: a log entry can't be read, so what it was made from is unknown; or the policy keeps nothing.
    """
    if policy.versions < 1:
        raise LakeError("lake", "gc", f"would keep {policy.versions} versions of each table, expected 1 or more")
    tables = {table.path: [*table.each()] for table in lake.tables() if table.zone != "checkpoints"}
    there = {(path, version.number): version for path, versions in tables.items() for version in versions}
    oldest = (now or datetime.now(timezone.utc)) - timedelta(days=policy.days or 0)
    kept = {(path, version.number) for path, versions in tables.items() for place, version in enumerate(versions)
            if place < policy.versions or (policy.days is not None and version.created > oldest)}
    kept = _with_ancestors(kept, there)
    work = {there[key].entry.fingerprint for key in kept} - {""}
    gone = [version for (path, number), version in there.items() if (path, number) not in kept and among(path)
            and not (version.zone == "quarantine" and version.entry.fingerprint in work)]
    return sorted(gone, key=lambda version: version.created, reverse=True)


def retire(lake: Lake, policy: Retention, among: Callable[[str], bool] = lambda table: True,
           dry_run: bool = False) -> list[Version]:
    """Drops the versions that the policy lets go, and returns them. A run that reads one of them meanwhile fails, and
    finds newer ones when it is started again.

    Raises:
        LakeError: as `expired`.
    """
    gone = expired(lake, policy, among)
    if not dry_run:
        for version in gone:
            lake.table(version.zone, version.name).drop(version.number)
    return gone


def _with_ancestors(kept: Iterable[Key], there: dict[Key, Version]) -> set[Key]:
    """`kept`, what those were made from, and the increments whose files they hold. A version adds to all that its own
    increments add to, so that of a stream's thousands the newest alone is asked. A model that another began with stays,
    but not all that it came from: models that go on from each other would keep every dataset there was."""
    found, increments, begun_with = set[Key](), set[Key](), set[Key]()
    waiting = sorted(kept, key=itemgetter(1))
    while waiting:
        key = waiting.pop()
        if key not in there or key in found:
            continue
        found.add(key)
        parents = there[key].entry.parents.items()
        models = {parent for parent in parents if _is_model(parent) and _is_model(key)}
        begun_with |= models & there.keys()
        waiting += parents - models
        if key not in increments:
            more = {(key[0], number) for number in added_to(there[key])} - increments
            increments |= more
            waiting += more
    return found | begun_with


def _is_model(key: Key) -> bool:
    return key[0].startswith("models/")
