"""Verifies that a version is what was committed: each file with its size, rows and checksum.

    for corruption in verify(version): print(corruption.path, corruption.problem)
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
class Corruption:
    """A file, by its path in the version's data, and what is wrong with it."""

    path: str
    problem: str


def verify(version: Version, progress: Callable[[DataFile], None] = lambda file: None) -> list[Corruption]:
    """Reads every byte of the version. Of a file without a checksum only the rows are counted.

    Args:
        progress: called with each file after it was read, e.g. for a progress bar.
    """
    missing = set(version.missing())

    def check(file: DataFile) -> list[Corruption]:
        gone = [Corruption(file.path, "is missing, or of another size")]
        corruptions = gone if file.path in missing else list(_check_content(version, file))
        progress(file)
        return corruptions

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        return [corruption for corruptions in pool.map(check, version.entry.files) for corruption in corruptions]


def _check_content(version: Version, file: DataFile) -> Iterator[Corruption]:
    store = version.lake.store
    if file.crc32 is not None:
        with store.open(version.path(file.path)) as content:
            crc32 = crc32_of(content)
        if crc32 != file.crc32:
            yield Corruption(file.path, f"has the checksum {crc32:08x}, {file.crc32:08x} was committed")
            return
    try:
        verify_rows(store, version.path(), [file])
    except LakeError as error:
        yield Corruption(file.path, error.problem)
