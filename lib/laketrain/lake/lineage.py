"""The ancestors of a version, back to the raw data.

    [parent.ref for parent in lineage(lake, version)]     # nearest first
"""

from __future__ import annotations

from collections import deque

from laketrain.errors import LakeError
from laketrain.lake.lake import Lake
from laketrain.lake.version import Version


def lineage(lake: Lake, version: Version) -> list[Version]:
    """The version's parents, their parents and so on, nearest first and without duplicates.

    Raises LakeError where a parent isn't in the lake, naming its child.
    """
    ancestors: dict[str, Version] = {}
    waiting = deque([version])
    while waiting:
        child = waiting.popleft()
        for table, number in sorted(child.entry.parents.items()):
            ref = f"{table}@{number}"
            if ref not in ancestors and ref != version.ref:
                ancestors[ref] = _parent(lake, child, table, number)
                waiting.append(ancestors[ref])
    return list(ancestors.values())


def _parent(lake: Lake, child: Version, table: str, number: int) -> Version:
    zone, _, name = table.partition("/")
    try:
        return lake.table(zone, name).get(number)
    except LakeError as error:
        raise LakeError("lake", f"parent {table}@{number} of {child.ref}", error.problem, error.hint) from error
