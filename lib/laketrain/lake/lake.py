"""The lake: zones of tables with immutable versions.

    lake = Lake("s3://bucket/lake")
    version = lake.table("clean", "pixels").latest()

A Lake is a value: cheap, picklable, and equal to another with the same URL.
"""

from __future__ import annotations

import os

from laketrain.errors import LakeError, nearest
from laketrain.lake.paths import check_name, name_problem
from laketrain.lake.stores import Store, open_store
from laketrain.lake.table import Table
from laketrain.lake.version import Version

ZONES = ("raw", "clean", "quarantine", "integrated", "features", "models", "predictions", "runs", "checkpoints",
         "profiles")


class Lake:
    """The lake at `url`: a path, file:///…, hdfs://… or s3://bucket/prefix. Nothing is created before a commit."""

    zones = ZONES

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.store: Store = open_store(url)

    @property
    def url(self) -> str:
        return self.store.root

    def table(self, zone: str, name: str) -> Table:
        """The table, which may not exist yet. Raises LakeError for an unknown zone or an invalid name."""
        if zone not in ZONES:
            raise LakeError("lake", f"zone {zone!r}", f"is none of {', '.join(ZONES)}", nearest(str(zone), ZONES))
        return Table(self, zone, check_name("table", name))

    def version(self, ref: str) -> Version:
        """The version `zone/name@number`, or the latest of `zone/name`. Raises LakeError where there is none."""
        path, separator, number = ref.partition("@")
        zone, _, name = path.partition("/")
        if separator and not number.isdecimal():
            raise LakeError("lake", repr(ref), "names no version",
                            "write clean/pixels@2, or clean/pixels for the latest")
        table = self.table(zone, name)
        version = table.get(int(number)) if number else table.latest()
        if version is None:
            raise LakeError("lake", ref, "nothing was committed to it yet",
                            nearest(path, [table.path for table in self.tables()]))
        return version

    def tables(self) -> list[Table]:
        """All tables with a version, sorted by zone and name."""
        tables = (Table(self, zone, name) for zone in ZONES for name in self.store.dirs(zone) if not name_problem(name))
        return [table for table in tables if table.versions()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lake) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __repr__(self) -> str:
        return f"Lake({self.url!r})"
