"""A table is a log: version N exists if and only if the file `_log/<N, 20 digits>.json` does.

    table = lake.table("clean", "pixels")
    with table.stage() as draft:
        frame.write.parquet(draft.url("train"))
        version = draft.commit(fingerprint=key, parents={"raw/pixels": 1})
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
    """A table of a lake. It caches nothing: each call reads the storage."""

    lake: Lake
    zone: str
    name: str

    @property
    def path(self) -> str:
        """E.g. "clean/pixels", relative to the lake's root."""
        return f"{self.zone}/{self.name}"

    def versions(self) -> list[int]:
        """The numbers of the versions, ascending; empty where nothing was committed."""
        names = (file.path.rsplit("/", 1)[1] for file in self.lake.store.list(f"{self.path}/_log"))
        return sorted(int(name[:20]) for name in names if _LOG_NAME.fullmatch(name))

    def log_path(self, number: int) -> str:
        """The path of the log entry of version `number`."""
        return f"{self.path}/_log/{number:020d}.json"

    def get(self, number: int) -> Version:
        """Version `number`. Raises LakeError where there is none, or where its log entry is damaged."""
        path = self.log_path(number)
        try:
            content = self.lake.store.read(path)
        except FileNotFoundError:
            numbers = self.versions()
            problem = f"there is none; the latest is {numbers[-1]}" if numbers else "nothing was committed to it yet"
            raise LakeError("lake", f"version {number} of {self.path}", problem) from None
        return Version(self.lake, self.zone, self.name, parse_entry(content, path, number))

    def get_if_exists(self, number: int) -> Version | None:
        """Version `number`; None where another job has dropped it. Raises LakeError where its log entry is damaged."""
        try:
            return self.get(number)
        except LakeError:
            if number in self.versions():
                raise
            return None

    def latest(self) -> Version | None:
        """The newest version; None where nothing was committed."""
        numbers = self.versions()
        return self.get(numbers[-1]) if numbers else None

    def find(self, *fingerprints: str) -> Version | None:
        """The newest version with one of these fingerprints, or None. Empty fingerprints match no version."""
        return next(self.find_all(*fingerprints), None)

    def find_all(self, *fingerprints: str) -> Iterator[Version]:
        """The versions with one of these fingerprints, newest first. Empty fingerprints match no version."""
        accepted = set(fingerprints) - {""}
        versions = self.newest_first() if accepted else iter(())
        return (version for version in versions if version.entry.fingerprint in accepted)

    def newest_first(self) -> Iterator[Version]:
        """All versions, newest first."""
        versions = map(self.get_if_exists, reversed(self.versions()))
        return (version for version in versions if version is not None)

    def stage(self) -> Draft:
        """Opens an empty draft, to be filled and then committed or discarded."""
        return Draft.open(self)

    def drop(self, number: int) -> None:
        """Removes an old version: its log entry first, so that nobody reads data that is being deleted. A version that
        doesn't exist is ignored.

        Raises:
            LakeError: it is the latest, whose number would be reused.
        """
        numbers = self.versions()
        if number not in numbers:
            return
        if number == numbers[-1]:
            raise LakeError("lake", f"version {number} of {self.path}", "is the latest, which can't be dropped",
                            "commit a newer one first")
        version = self.get_if_exists(number)
        if version is not None:
            self.lake.store.delete(self.log_path(number))
            self.lake.store.delete(version.path())
