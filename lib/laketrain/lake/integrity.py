"""Whether a version still is what was committed: every file there, of its size, rows and checksum.

    for flaw in verify(version): print(flaw.path, flaw.problem)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from laketrain.errors import LakeError
from laketrain.lake.contents import crc32_of, verify_rows
from laketrain.lake.version import DataFile, Version

_FILES_AT_ONCE = 8


@dataclass(frozen=True)
class Flaw:
    """A file, by its path in the version's data, and what is wrong with it."""

    path: str
    problem: str


def verify(version: Version, tell: Callable[[DataFile], None] = lambda file: None) -> list[Flaw]:
    """Reads every byte of the version. Bytes that the entry has no checksum of are only counted.

    Args:
        tell: told of each file that was looked at, for a progress bar.
    """
    missing = set(version.missing())

    def look(file: DataFile) -> list[Flaw]:
        gone = [Flaw(file.path, "is missing, or of another size")]
        found = gone if file.path in missing else list(_read(version, file))
        tell(file)
        return found

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return [flaw for found in pool.map(look, version.entry.files) for flaw in found]


def _read(version: Version, file: DataFile) -> Iterator[Flaw]:
    store = version.lake.store
    if file.crc32 is not None:
        with store.open(version.path(file.path)) as content:
            found = crc32_of(content)
        if found != file.crc32:
            yield Flaw(file.path, f"has the checksum {found:08x}, {file.crc32:08x} was committed")
            return
    try:
        verify_rows(store, version.path(), [file])
    except LakeError as error:
        yield Flaw(file.path, error.problem)
