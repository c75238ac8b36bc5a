"""The files of a raw version, including those of the versions that it appends to."""

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
        """Its name in messages, e.g. raw/pixels@1/b.csv."""
        return f"{self.version.ref}/{self.file.path}"

    @property
    def url(self) -> str:
        """Its URL for Spark."""
        return self.version.url(self.file.path)

    @property
    def path(self) -> str:
        """Its path in the lake."""
        return self.version.path(self.file.path)

    @property
    def original(self) -> str:
        """Its path below the source's directory. Names in the lake may have percent escapes, this one doesn't."""
        url, base = self.manifest.sources.get(self.file.path, ""), self.manifest.base
        return url[len(base):].lstrip("/") if base and url.startswith(base) else self.file.path

    def open(self) -> BinaryIO:
        """Opens it for reading."""
        return self.version.lake.store.open(self.path)


def raw_files(raw: Version) -> list[RawFile]:
    """All files, the oldest version's first."""
    return [RawFile(version, manifest, file) for version in appends(raw)
            for manifest in [RawManifest.of(version)] for file in version.entry.files]


def original_paths(files: Sequence[RawFile]) -> dict[str, str]:
    """The original paths, by path in the lake, of files whose two paths differ.

    Raises DataError if two versions have files with the same path in the lake and different original paths.
    """
    first: dict[str, RawFile] = {}
    for file in files:
        other = first.setdefault(file.file.path, file)
        if other.original != file.original:
            raise DataError("clean", file.ref, f"was ingested from {file.original}, and {other.ref} from "
                            f"{other.original}: rows of two files with one name can't be distinguished",
                            reingest_hint(file))
    return {path: file.original for path, file in first.items() if file.original != path}


def reingest_hint(file: RawFile) -> str:
    """The hint of errors that only another ingest of all files resolves."""
    return (f"ingest all files again with 'sources.{file.version.name}.incremental' false, which drops those that are "
            "no longer at the source")


def refuse_hidden(files: Sequence[RawFile], by_name: bool) -> None:
    """Raises DataError if Spark would silently skip a file, or can't read it because of a colon in its name.

    Such names come from older versions of laketrain, or from sources whose format allowed them. Hadoop interprets a
    colon in a file's name as the end of a scheme, and in folders' names as well if it looks them up `by_name`.
    """
    for file in files:
        if ":" in (file.file.path if by_name else file.file.path.rpartition("/")[2]):
            raise DataError("clean", file.ref, "has a colon in its name in the lake, so Spark can't read it; it was "
                            f"ingested from {file.original}", reingest_hint(file))
        if is_hidden(file.file.path):
            raise DataError("clean", file.ref, "has a name in the lake that Spark skips, so its rows would be lost; it "
                            f"was ingested from {file.original}", reingest_hint(file))


def each(files: Sequence[RawFile], look: Callable[[RawFile], T]) -> list[T]:
    """The results of `look` for each file, several at once: remote stores are slow to answer."""
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return list(pool.map(look, files))
