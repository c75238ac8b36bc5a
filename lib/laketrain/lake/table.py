"""A table is a log: the file `_log/<N, 20 digits>.json` IS version N.

    table = lake.table("clean", "pixels")
    with table.stage() as draft:
        frame.write.parquet(draft.url("train"))
        version = draft.commit(fingerprint=print_of_config, parents={"raw/pixels": 1})
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laketrain.errors import LakeError
from laketrain.lake.draft import Draft
from laketrain.lake.version import Version, parse_entry

if TYPE_CHECKING:
    from laketrain.lake.lake import Lake

_LOG_NAME = re.compile(r"[0-9]{20}\.json")


@dataclass(frozen=True)
class Table:
    """One table of a lake; a plain value that reads the storage whenever it is asked."""

    lake: Lake
    zone: str
    name: str

    @property
    def path(self) -> str:
        """E.g. "clean/pixels", relative to the lake's root."""
        return f"{self.zone}/{self.name}"

    def versions(self) -> list[int]:
        """The numbers, ascending; empty where nothing was committed."""
        names = (file.path.rsplit("/", 1)[1] for file in self.lake.store.list(f"{self.path}/_log"))
        return sorted(int(name[:20]) for name in names if _LOG_NAME.fullmatch(name))

    def log_path(self, number: int) -> str:
        """Of the file that is version `number`."""
        return f"{self.path}/_log/{number:020d}.json"

    def get(self, number: int) -> Version:
        """Version `number`. Raises LakeError where there is none, or where its entry is damaged."""
        path = self.log_path(number)
        try:
            content = self.lake.store.read(path)
        except FileNotFoundError:
            there = self.versions()
            problem = f"there is none; the latest is {there[-1]}" if there else "nothing was committed to it yet"
            raise LakeError("lake", f"version {number} of {self.path}", problem) from None
        return Version(self.lake, self.zone, self.name, parse_entry(content, path, number))

    def at(self, number: int) -> Version | None:
        """Version `number`, which was there a moment ago; None where another job has dropped it since."""
        try:
            return self.get(number)
        except LakeError:
            if number in self.versions():
                raise
            return None

    def latest(self) -> Version | None:
        """The newest version, None where nothing was committed."""
        numbers = self.versions()
        return self.get(numbers[-1]) if numbers else None

    def find(self, fingerprint: str) -> Version | None:
        """The newest version with this fingerprint, None where no version has it or where it is empty."""
        return next(self.all_of(fingerprint), None)

    def all_of(self, fingerprint: str) -> Iterator[Version]:
        """The versions with this fingerprint, the newest first; none where it is empty."""
        return (version for version in (self.each() if fingerprint else ()) if version.entry.fingerprint == fingerprint)

    def each(self) -> Iterator[Version]:
        """All versions, the newest first."""
        return (version for number in reversed(self.versions()) if (version := self.at(number)) is not None)

    def stage(self) -> Draft:
        """A new, empty, invisible place for data, to be committed or discarded."""
        return Draft.open(self)

    def drop(self, number: int) -> None:
        """Removes an old version: its log entry first, so that nobody finds data that is going. Not the latest, whose
        number would be given out again. A version that is gone already is fine.

        Raises:
            LakeError: it is the latest.
        """
        numbers = self.versions()
        if number not in numbers:
            return
        if number == numbers[-1]:
            raise LakeError("lake", f"version {number} of {self.path}", "is the latest, which can't be dropped",
                            "commit a newer one first")
        version = self.at(number)
        if version is not None:
            self.lake.store.delete(self.log_path(number))
            self.lake.store.delete(version.path())
