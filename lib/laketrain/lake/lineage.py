"""Where a version comes from, back to the raw data.

    [parent.ref for parent in lineage(lake, version)]     # nearest first
"""

from __future__ import annotations

from collections import deque

from laketrain.errors import LakeError
from laketrain.lake.lake import Lake
from laketrain.lake.version import Version


def lineage(lake: Lake, version: Version) -> list[Version]:
    """The version's parents, their parents and so on, each once, nearest first.

    Raises LakeError where a parent is not in the lake, naming the child that asked for it.
    """
    found: dict[str, Version] = {}
    waiting = deque([version])
    while waiting:
        child = waiting.popleft()
        for table, number in sorted(child.entry.parents.items()):
            ref = f"{table}@{number}"
            if ref not in found and ref != version.ref:
                found[ref] = _parent(lake, child, table, number)
                waiting.append(found[ref])
    return list(found.values())


def _parent(lake: Lake, child: Version, table: str, number: int) -> Version:
    zone, _, name = table.partition("/")
    try:
        return lake.table(zone, name).get(number)
    except LakeError as error:
        raise LakeError("lake", f"parent {table}@{number} of {child.ref}", error.problem, error.hint) from error
