"""The files of a raw version, those of the versions that it adds to among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from laketrain.errors import DataError
from laketrain.lake import DataFile, Version, appends
from laketrain.lake.manifests import RawManifest
from laketrain.lake.paths import is_hidden

_FILES_AT_ONCE = 8
T = TypeVar("T")


@dataclass(frozen=True)
class RawFile:
    """A file of a raw version."""

    version: Version
    manifest: RawManifest
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
        """Its path below the source's directory, without the percent escapes of its name in the lake."""
        url, base = self.manifest.sources.get(self.file.path, ""), self.manifest.base
        return url[len(base):].lstrip("/") if base and url.startswith(base) else self.file.path

    def open(self) -> BinaryIO:
        """For reading."""
        return self.version.lake.store.open(self.path)


def raw_files(raw: Version) -> list[RawFile]:
    """All files, the oldest version's first."""
    return [RawFile(version, manifest, file) for version in appends(raw)
            for manifest in [RawManifest.of(version)] for file in version.entry.files]


def renamed(files: Sequence[RawFile]) -> dict[str, str]:
    """By their paths in the lake, where those files stood that had other names there.

    Raises DataError where two versions hold files of one path that came from different places.
    """
    first: dict[str, RawFile] = {}
    for file in files:
        other = first.setdefault(file.file.path, file)
        if other.original != file.original:
            raise DataError("clean", file.ref, f"was landed from {file.original}, and {other.ref} from "
                            f"{other.original}: rows of two files of one name can't be told apart",
                            land_anew(file))
    return {path: file.original for path, file in first.items() if file.original != path}


def land_anew(file: RawFile) -> str:
    """The way out where what has landed is to be replaced, in words."""
    return (f"land all files anew, by a run with 'sources.{file.version.name}.incremental' false, which drops those "
            "that are no longer at the source")


def refuse_hidden(files: Sequence[RawFile], by_name: bool) -> None:
    """Raises DataError where Spark would pass over a file without a word, or can't name it: one that an earlier
    laketrain named so, or that landed for a format in which such a name is fine. Hadoop takes a colon in a file's name
    for the end of a scheme, and where it looks up folders `by_name` also in theirs."""
    for file in files:
        if ":" in (file.file.path if by_name else file.file.path.rpartition("/")[2]):
            raise DataError("clean", file.ref, "has a colon in its name in the lake, so that Spark can't read it; it "
                            f"was landed from {file.original}", land_anew(file))
        if is_hidden(file.file.path):
            raise DataError("clean", file.ref, "has a name in the lake by which Spark passes it over, so that its rows "
                            f"would be lost; it was landed from {file.original}",
                            land_anew(file))


def each(files: Sequence[RawFile], look: Callable[[RawFile], T]) -> list[T]:
    """What `look` finds in each file, a few at once: a store far away answers late."""
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return list(pool.map(look, files))
