"""The files of a raw version, those of the versions that it adds to among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from laketrain.lake import DataFile, Version, increments

_FILES_AT_ONCE = 8
T = TypeVar("T")


@dataclass(frozen=True)
class RawFile:
    """A landed file."""

    version: Version
    file: DataFile

    @property
    def ref(self) -> str:
        """For messages, e.g. raw/pixels@1/b.csv."""
        return f"{self.version.ref}/{self.file.path}"

    @property
    def url(self) -> str:
        """As Spark reads it."""
        return self.version.url(self.file.path)

    @property
    def path(self) -> str:
        """In the lake."""
        return self.version.path(self.file.path)

    @property
    def original(self) -> str:
        """Where it stood below the source's directory, with characters that its name in the lake lacks."""
        meta = self.version.entry.meta
        url, base = str(meta.get("sources", {}).get(self.file.path, "")), str(meta.get("base", ""))
        return url[len(base):] if base and url.startswith(base) else self.file.path

    def open(self) -> BinaryIO:
        """For reading."""
        return self.version.lake.store.open(self.path)


def raw_files(raw: Version) -> list[RawFile]:
    """All files, the oldest version's first."""
    return [RawFile(version, file) for version in increments(raw) for file in version.entry.files]


def each(files: Sequence[RawFile], look: Callable[[RawFile], T]) -> list[T]:
    """What `look` finds in each file, a few at once: a store far away answers late."""
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return list(pool.map(look, files))
