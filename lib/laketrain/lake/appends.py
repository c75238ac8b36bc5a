"""Versions that append to earlier ones. Such a version lists only its new files and the versions that it appends to.

    for part in appends(raw): part.entry.files

So the files of a source that grows daily are never copied again, and each version still defines all of its files.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from laketrain.lake.table import Table
from laketrain.lake.version import Version

APPENDS_TO = "adds_to"
"""The key in an entry's meta. Its value is the numbers of those versions, oldest first; [first, last] is a range."""

Ranges = list[int | list[int]]

_READS_AT_ONCE = 8


def appended_to(version: Version) -> list[int]:
    """The numbers of the versions that `version` appends to, oldest first."""
    ranges: Ranges = version.entry.meta.get(APPENDS_TO, [])
    pairs = ([item, item] if isinstance(item, int) else item for item in ranges)
    return [number for first, last in pairs for number in range(first, last + 1)]


def ranges_up_to(version: Version) -> Ranges:
    """What a version that appends to `version` records. Ranges keep the entries of streams small."""
    before: Ranges = version.entry.meta.get(APPENDS_TO, [])
    if before:
        first, last = [before[-1]] * 2 if isinstance(before[-1], int) else before[-1]
        if last + 1 == version.number:
            return [*before[:-1], [first, version.number]]
    return [*before, version.number]


def appends(version: Version) -> list[Version]:
    """The versions whose files make up `version`: those that it appends to, oldest first, then itself.

    Raises LakeError where one of them is no longer in the lake.
    """
    numbers = appended_to(version)
    table = Table(version.lake, version.zone, version.name)
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [*pool.map(table.get, numbers), version]
