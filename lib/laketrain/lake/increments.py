"""A version that adds to earlier ones: it names only its own files, and the versions whose files are also its.

    for part in increments(raw): part.entry.files

So a source that grows by a file a day is never copied anew, and every version still says all that it holds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from laketrain.lake.table import Table
from laketrain.lake.version import Version

ADDS_TO = "adds_to"
"""The key of an entry's meta: the numbers of the versions that it adds to, the oldest first."""

_ENTRIES_AT_ONCE = 8


def increments(version: Version) -> list[Version]:
    """The versions whose files `version` holds, the oldest first, itself last.

    Raises LakeError where one of them is no longer in the lake.
    """
    numbers = [int(number) for number in version.entry.meta.get(ADDS_TO, [])]
    table = Table(version.lake, version.zone, version.name)
    with ThreadPoolExecutor(_ENTRIES_AT_ONCE) as pool:
        return [*pool.map(table.get, numbers), version]
