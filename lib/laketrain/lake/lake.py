"""The lake: zones of tables with immutable versions.

    lake = Lake("s3://bucket/lake")
    version = lake.table("clean", "pixels").latest()

A Lake is a value: cheap, picklable, and equal to another with the same URL.
"""

from __future__ import annotations

import os
from contextlib import suppress

from laketrain.errors import LakeError, nearest
from laketrain.lake.paths import check_name, name_problem
from laketrain.lake.stores import Store, open_store
from laketrain.lake.table import Table
from laketrain.lake.version import Version

ZONES = ("raw", "clean", "quarantine", "integrated", "features", "models", "predictions", "runs", "checkpoints",
         "profiles")
_ADDED = "_zones"
"""The directory with an empty file for each zone that was added."""


class Lake:
    """The lake at `url`: a path, file:///…, hdfs://… or s3://bucket/prefix. Nothing is created before a commit."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.store: Store = open_store(url)

    @property
    def url(self) -> str:
        return self.store.root

    def zones(self) -> tuple[str, ...]:
        """The zones of every lake, then those that were added to this one."""
        return (*ZONES, *(file.path.rpartition("/")[2] for file in self.store.list(_ADDED)))

    def add_zone(self, zone: str) -> None:
        """Adds a zone, for tables of a plugin's stage. Adding it again changes nothing."""
        if zone not in self.zones():
            with suppress(FileExistsError):
                self.store.create(f"{_ADDED}/{check_name('zone', zone)}", b"")

    def table(self, zone: str, name: str) -> Table:
        """The table, which need not exist yet. Raises LakeError for an unknown zone or a name that can't be."""
        if zone not in ZONES and zone not in (zones := self.zones()):
            raise LakeError("lake", f"zone {zone!r}", f"is none of {', '.join(zones)}", nearest(str(zone), zones))
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
        """Every table that has a version, by zone, then by name."""
        tables = (Table(self, zone, name) for zone in self.zones() for name in self.store.dirs(zone)
                 if not name_problem(name))
        return [table for table in tables if table.versions()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lake) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __repr__(self) -> str:
        return f"Lake({self.url!r})"
