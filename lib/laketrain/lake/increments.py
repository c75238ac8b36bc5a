"""A version that adds to earlier ones: it names only its own files, and the versions whose files are also its.

    for part in increments(raw): part.entry.files

So a source that grows by a file a day is never copied anew, and every version still says all that it holds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from laketrain.lake.table import Table
from laketrain.lake.version import Version

ADDS_TO = "adds_to"
"""The key of an entry's meta: the versions that it adds to, the oldest first, by their numbers; [first, last] is all
from one to the other."""

Runs = list[int | list[int]]

_ENTRIES_AT_ONCE = 8


def added_to(version: Version) -> list[int]:
    """The numbers of the versions that `version` adds to, the oldest first."""
    runs = ([one, one] if isinstance(one, int) else one for one in version.entry.meta.get(ADDS_TO, []))
    return [number for first, last in runs for number in range(first, last + 1)]


def behind(version: Version) -> Runs:
    """What the entry of a version says that adds to `version`. In runs, so that the entry of a stream's ten thousandth
    version is as small as that of its first."""
    before: Runs = version.entry.meta.get(ADDS_TO, [])
    if before:
        first, end = [before[-1]] * 2 if isinstance(before[-1], int) else before[-1]
        if end + 1 == version.number:
            return [*before[:-1], [first, version.number]]
    return [*before, version.number]


def increments(version: Version) -> list[Version]:
    """The versions whose files `version` holds, the oldest first, itself last.

    Raises LakeError where one of them is no longer in the lake.
    """
    numbers = added_to(version)
    table = Table(version.lake, version.zone, version.name)
    with ThreadPoolExecutor(_ENTRIES_AT_ONCE) as pool:
        return [*pool.map(table.get, numbers), version]
