"""A version: its log entry records its files with their sizes, its parents, and who made it.

    version = lake.table("clean", "pixels").latest()
    version.ref, version.rows, version.url("train"), [file.path for file in version.files("train")]

Versions are immutable values, so they can be pickled, sent to ranks and cached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from laketrain.errors import LakeError
from laketrain.lake.paths import join, name_problem, path_problem

if TYPE_CHECKING:
    from laketrain.lake.lake import Lake


class DataFile(BaseModel):
    """A file of a version: its path relative to the version's data, its size in bytes, its rows, the rows of each row
    group, and the CRC-32 of its content if its writer computed it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: str
    bytes: int = Field(ge=0)
    rows: int | None = Field(default=None, ge=0)
    row_groups: list[int] | None = None
    crc32: int | None = None

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        problem = path_problem(path)
        if problem:
            raise ValueError(problem)
        return path


class Entry(BaseModel):
    """The content of a log file. Keys of a later laketrain are ignored; NaN is stored as null.

    Attributes:
        parents: table to version number, e.g. {"clean/pixels": 3}.
        fingerprint: the hash of config and inputs, empty for none.
        counts: in, out, quarantined, reasons, ….
        meta: the stage's own JSON, see `lake.manifests`.
        seconds: from draft to commit.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int = Field(ge=1)
    data: str
    files: list[DataFile] = []
    table_schema: str | None = None
    parents: dict[str, int] = {}
    fingerprint: str = ""
    counts: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    stage: str = ""
    created: AwareDatetime
    by: str = ""
    laketrain: str = ""
    seconds: float = 0.0

    @field_validator("data")
    @classmethod
    def _in_the_table(cls, data: str) -> str:
        folder, _, unique = data.partition("/")
        if folder != "data" or name_problem(unique):
            raise ValueError("must be data/<name>")
        return data


def parse_entry(content: bytes, path: str, number: int) -> Entry:
    """Parses the content of the log file `path`. Raises LakeError naming the file where it is damaged."""
    try:
        entry = Entry.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = f"{key}: {first['msg']}" if key else first["msg"]
        raise _damaged(path, f"isn't a valid log entry ({problem}; {len(content)} bytes)") from error
    if entry.version != number:
        raise _damaged(path, f"contains version {entry.version}, expected {number} by its name")
    return entry


def _damaged(path: str, problem: str) -> LakeError:
    return LakeError("lake", f"log entry {path}", problem,
                     "Restore the file from a backup. laketrain never skips an entry that it can't read.")


@dataclass(frozen=True)
class Version:
    """A committed version of a table.

    Attributes:
        is_new: False if `Draft.commit` returned the same work of another writer.
        newest: the number of the table's newest version when a job chose this one to read, 0 if unknown.
    """

    lake: Lake
    zone: str
    name: str
    entry: Entry
    is_new: bool = True
    newest: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        return f"<{self.ref} in {self.lake.url}>"

    @property
    def number(self) -> int:
        return self.entry.version

    @property
    def table(self) -> str:
        """E.g. "clean/pixels", the key under which children name it in `parents`."""
        return f"{self.zone}/{self.name}"

    @property
    def ref(self) -> str:
        """E.g. "clean/pixels@3"."""
        return f"{self.table}@{self.number}"

    @property
    def created(self) -> datetime:
        return self.entry.created

    @property
    def rows(self) -> int:
        """The number of rows of all its Parquet files."""
        return sum(file.rows or 0 for file in self.entry.files)

    def path(self, rel: str = "") -> str:
        """The path of its data, or of `rel` in it, relative to the lake's root."""
        return join(f"{self.table}/{self.entry.data}", rel)

    def url(self, rel: str = "") -> str:
        """The URL of its data, or of `rel` in it, for Spark."""
        return self.lake.store.url(self.path(rel))

    def files(self, under: str = "") -> list[DataFile]:
        """Its files, or those in the directory `under`, e.g. files("train")."""
        prefix = f"{under.rstrip('/')}/" if under else ""
        return [file for file in self.entry.files if file.path.startswith(prefix)]

    def missing(self) -> list[str]:
        """The files of the entry that the storage doesn't have, or has with another size."""
        base = self.path()
        sizes = {info.path[len(base) + 1:]: info.size for info in self.lake.store.list(base, recursive=True)}
        return [file.path for file in self.entry.files if sizes.get(file.path) != file.bytes]

    def check_files(self) -> None:
        """Raises LakeError naming a file that is missing or has another size: its rows would be missing too."""
        missing = self.missing()
        if missing:
            others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise LakeError("lake", self.ref, f"{self.path(missing[0])} is missing, or has another size than was "
                            f"committed{others}", "see laketrain verify, then make the version again with --force")

    def exists(self) -> bool:
        """Whether the storage has all of its files with their sizes."""
        return not self.missing()


def parent_fields(*parents: Version) -> dict[str, Any]:
    """The arguments `parents` and `newest` of `Draft.commit`, for data made from these versions."""
    return {"parents": {parent.table: parent.number for parent in parents}, "newest": newest_of(parents)}


def newest_of(parents: Iterable[Version]) -> dict[str, int]:
    """By table, the number of its newest version when one of `parents` was chosen."""
    return {parent.table: parent.newest for parent in parents if parent.newest}


def newer_parent(version: Version, newest: Mapping[str, int]) -> str:
    """A parent of `version` that is newer than in `newest`, e.g. raw/events@6; empty where there is none."""
    return next((f"{table}@{number}" for table, number in version.entry.parents.items()
                 if number > newest.get(table, number)), "")
