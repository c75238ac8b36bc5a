"""A version is a log entry that exists: which files, of which size, made from what, by whom.

    version = lake.table("clean", "pixels").latest()
    version.ref, version.rows, version.url("train"), [file.path for file in version.files("train")]

Nothing about a version ever changes, so it can be shipped to ranks and kept.
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
    """One file of a version. `path` is relative to the version's data; `row_groups` has the rows of each; `crc32` is of
    all its bytes, where its writer counted it."""

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
    """What a log file says. Keys that a later laketrain adds are passed over; NaN is stored as null.

    parents: table to version number, e.g. {"clean/pixels": 3}. fingerprint: of config and inputs, empty for none.
    counts: in, out, quarantined, reasons, …. meta: the stage's own JSON. seconds: from draft to commit.
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
    """The entry in the log file `path`. Raises LakeError naming the file where it is damaged."""
    try:
        entry = Entry.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise _damaged(path, f"is no log entry ({problem}; {len(content)} bytes)") from error
    if entry.version != number:
        raise _damaged(path, f"says that it is version {entry.version}, its name says {number}")
    return entry


def _damaged(path: str, problem: str) -> LakeError:
    return LakeError("lake", f"log entry {path}", problem,
                     "Restore the file from a backup. laketrain never skips an entry that it can't read.")


@dataclass(frozen=True)
class Version:
    """A committed version of a table. `won` is False where commit found the same work done by another writer. `newest`
    is the number of the table's newest version when a job chose this one to read, 0 where none chose."""

    lake: Lake
    zone: str
    name: str
    entry: Entry
    won: bool = True
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
        """Rows of all its Parquet files."""
        return sum(file.rows or 0 for file in self.entry.files)

    def path(self, rel: str = "") -> str:
        """Of its data, or of `rel` in it, relative to the lake's root."""
        return join(f"{self.table}/{self.entry.data}", rel)

    def url(self, rel: str = "") -> str:
        """As Spark must read it."""
        return self.lake.store.url(self.path(rel))

    def files(self, under: str = "") -> list[DataFile]:
        """Its files, or those in the directory `under`, e.g. files("train")."""
        prefix = f"{under.rstrip('/')}/" if under else ""
        return [file for file in self.entry.files if file.path.startswith(prefix)]

    def missing(self) -> list[str]:
        """The files that the entry names and that the storage lacks or holds with another size: empty when whole."""
        base = self.path()
        sizes = {info.path[len(base) + 1:]: info.size for info in self.lake.store.list(base, recursive=True)}
        return [file.path for file in self.entry.files if sizes.get(file.path) != file.bytes]

    def check_files(self) -> None:
        """Raises LakeError naming a file that is not there as it was committed: read, it would be rows less."""
        missing = self.missing()
        if missing:
            others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise LakeError("lake", self.ref, f"{self.path(missing[0])} is gone, or has another size than was committed"
                            f"{others}", "see laketrain verify, then make the version again with --force")

    def exists(self) -> bool:
        """Whether all of its files are there, with their sizes."""
        return not self.missing()


def made_of(*parents: Version) -> dict[str, Any]:
    """What `Draft.commit` takes of the versions that its data was made from."""
    return {"parents": {parent.table: parent.number for parent in parents}, "newest": newest_of(parents)}


def newest_of(parents: Iterable[Version]) -> dict[str, int]:
    """By table, the newest version that there was when one of `parents` was chosen from it."""
    return {parent.table: parent.newest for parent in parents if parent.newest}


def newer_parent(version: Version, newest: Mapping[str, int]) -> str:
    """What `version` was made from that came after all of `newest`, e.g. raw/events@6; empty where nothing did."""
    return next((f"{table}@{number}" for table, number in version.entry.parents.items()
                 if number > newest.get(table, number)), "")
