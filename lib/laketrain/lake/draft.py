"""A draft: data that becomes a version when its log entry is created, and that nobody reads before.

    with table.stage() as draft:
        store.write(draft.path("model.keras"), content)
        version = draft.commit(stage="train")

A draft is sealed once, by creating the file `_drafts/<unique>.closed`, either by its commit or by the garbage
collector. So the collector never deletes data that is being committed, however long the job was paused, and the commit
of a collected draft fails instead of committing what is left.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError

from laketrain.errors import CommitConflict, LakeError
from laketrain.lake.contents import list_data_files, verify_files
from laketrain.lake.paths import join
from laketrain.lake.version import DataFile, Entry, Version, newer_parent

if TYPE_CHECKING:
    from laketrain.lake.table import Table

STAMP = "%Y%m%dT%H%M%S"


class Draft:
    """The data of a future version. Made by `Table.stage`; `after` is the number of the latest version at that time."""

    def __init__(self, table: Table, unique: str, after: int) -> None:
        self.table, self.unique, self.after = table, unique, after
        self._store = table.lake.store
        self._started = time.monotonic()
        self._sealed = False
        self._uncertain = False
        self._version: Version | None = None

    @classmethod
    def open(cls, table: Table) -> Draft:
        """Opens a new draft of `table`, with a marker file that its job may still be running."""
        unique = f"{datetime.now(timezone.utc).strftime(STAMP)}-{uuid.uuid4().hex[:12]}"
        draft = cls(table, unique, max(table.versions(), default=0))
        draft._store.create(in_progress_marker(table, unique), _signature())
        return draft

    def path(self, rel: str = "") -> str:
        """The path of the data, or of `rel` in it, relative to the lake's root."""
        return join(data_path(self.table, self.unique), rel)

    def url(self, rel: str = "") -> str:
        """The URL of the data, or of `rel` in it, for Spark."""
        return self._store.url(self.path(rel))

    def commit(self, *, files: Sequence[DataFile] | None = None, table_schema: str | None = None,
               parents: dict[str, int] | None = None, fingerprint: str = "", counts: dict[str, Any] | None = None,
               meta: dict[str, Any] | None = None, stage: str = "", seconds: float | None = None,
               after: int | None = None, newest: Mapping[str, int] | None = None) -> Version:
        """Commits the draft as the next version, unless another writer committed the same work meanwhile.

        Args:
            files: the files of the data; None to list them from the storage, with rows from Parquet footers.
            fingerprint: if a version committed since `stage` has the same one, the draft is discarded and that version
                is returned, with `is_new` False.
            seconds: the duration; None for the time since `stage`.
            after: the number of the version that this one must follow directly, 0 for none; None for any.
            newest: by parent, the number of its newest version when the one in `parents` was chosen. If the table has a
                version made of a newer parent, this one may not follow it.

        Raises:
            CommitConflict: another version follows `after` already, or was made of a parent newer than `newest`. The
                draft is discarded.
            LakeError: a file is truncated, missing, undeclared or of another size; a value isn't JSON; or the garbage
                collector removed the data.
        """
        if self._version is not None:
            raise LakeError("lake", f"draft of {self.table.path}", f"is committed already, as {self._version.ref}",
                            "Stage another draft.")
        self._store.sync(self.path())
        self._seal()
        data_files = list_data_files(self._store, self.path()) if files is None else list(files)
        verify_files(self._store, self.path(), data_files)
        fields: dict[str, Any] = {
            "data": f"data/{self.unique}", "files": data_files, "table_schema": table_schema, "parents": parents or {},
            "fingerprint": fingerprint, "counts": counts or {}, "meta": meta or {}, "stage": stage,
            "created": datetime.now(timezone.utc), "by": whoami(), "laketrain": installed_version(),
            "seconds": time.monotonic() - self._started if seconds is None else seconds,
        }
        return self._commit_as_next(fields, after, newest or {})

    def discard(self) -> None:
        """Removes the data, unless the draft is committed or its commit may have succeeded."""
        if self._version is not None or self._uncertain:
            return
        remove_draft(self.table, self.unique)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None:
            self.discard()

    def _seal(self) -> None:
        """Prevents the garbage collector from removing the draft, so that the verification that follows stays true."""
        if not self._sealed:
            try:
                self._store.create(sealed_marker(self.table, self.unique), _signature())
            except FileExistsError:
                raise self._collected_error() from None
            self._sealed = True
        if not self._store.exists(in_progress_marker(self.table, self.unique)):
            raise self._collected_error()

    def _collected_error(self) -> LakeError:
        return LakeError("lake", f"draft of {self.table.path}", "was removed by the garbage collector before its "
                         "commit", "Run the stage again, and let gc keep what is younger than the longest job.")

    def _commit_as_next(self, fields: dict[str, Any], after: int | None, newest: Mapping[str, int]) -> Version:
        start = self.after if after is None else after
        numbers = self.table.versions()
        for number in [number for number in numbers if number <= start][-1:] if newest else ():
            self._refuse_outdated(self.table.get_if_exists(number), newest)
        # The number of a version that was dropped meanwhile is free but must not be reused: it would be out of order.
        since = [number for number in numbers if number > start]
        for number in since:
            existing = self.table.get_if_exists(number)
            if (resolved := self._resolve_conflict(existing, fields, after, newest)) is not None:
                return resolved
        number = max(since, default=start) + 1
        while True:
            content = self._serialised({**fields, "version": number})
            # After an error or a signal in create, the entry may exist. Then the data must be kept.
            self._uncertain = True
            try:
                self._store.create(self.table.log_path(number), content)
            except FileExistsError:
                existing = self.table.get_if_exists(number)
            else:
                return self._committed(self.table.get(number))
            self._uncertain = False
            if (resolved := self._resolve_conflict(existing, fields, after, newest)) is not None:
                return resolved
            number += 1

    def _resolve_conflict(self, existing: Version | None, fields: dict[str, Any], after: int | None,
                          newest: Mapping[str, int]) -> Version | None:
        """Resolves a conflict with an existing version. Returns it if it is our own commit (the reply was lost) or the
        same work (same fingerprint); None if this draft should take the next number.

        Raises CommitConflict if this draft had to follow `after`, or is made of older data than that version."""
        if existing is None:
            return None
        if existing.entry.data == fields["data"]:
            return self._committed(existing)
        if fields["fingerprint"] and existing.entry.fingerprint == fields["fingerprint"]:
            self.discard()
            return Version(existing.lake, existing.zone, existing.name, existing.entry, is_new=False)
        if after is not None:
            self.discard()
            raise CommitConflict("lake", f"commit to {self.table.path}", f"{existing.ref} came first, but this draft "
                                 f"must follow version {after}", "Make it again from the latest version.")
        self._refuse_outdated(existing, newest)
        return None

    def _refuse_outdated(self, existing: Version | None, newest: Mapping[str, int]) -> None:
        """Raises CommitConflict if this draft would return the table to an older state than `existing`."""
        parent = "" if existing is None else newer_parent(existing, newest)
        if existing is not None and parent:
            self.discard()
            raise CommitConflict("lake", f"commit to {self.table.path}", f"{existing.ref} was made of {parent} "
                                 "meanwhile, and this draft of older data", "Make it again from the latest.")

    def _committed(self, version: Version) -> Version:
        self._version, self._uncertain = version, False
        self._store.delete(in_progress_marker(self.table, self.unique))
        self._store.delete(sealed_marker(self.table, self.unique))
        return version

    def _serialised(self, fields: dict[str, Any]) -> bytes:
        try:
            return Entry(**fields).model_dump_json(indent=1).encode()
        except (PydanticSerializationError, ValueError) as error:
            raise LakeError("lake", f"commit to {self.table.path}", f"a value can't be stored as JSON: {error}",
                            "Use plain numbers, text, lists and dicts: float(x) of a NumPy number, x.tolist() of an "
                            "array.") from error


def data_path(table: Table, unique: str) -> str:
    """The path of the draft's data. It becomes the version's without being moved."""
    return f"{table.path}/data/{unique}"


def in_progress_marker(table: Table, unique: str) -> str:
    """The path of the file that exists while the draft's job may be running."""
    return f"{table.path}/_drafts/{unique}.open"


def sealed_marker(table: Table, unique: str) -> str:
    """The path of the file that the draft's commit or the garbage collector creates, whichever is first. From then on
    the draft belongs to its creator."""
    return f"{table.path}/_drafts/{unique}.closed"


def remove_draft(table: Table, unique: str) -> None:
    """Removes a draft that the caller has sealed or owns.

    The in-progress marker is deleted first and the sealed marker last, so that at every instant one of them makes a
    commit fail.
    """
    store = table.lake.store
    store.delete(in_progress_marker(table, unique))
    store.delete(data_path(table, unique))
    store.delete(sealed_marker(table, unique))


def whoami() -> str:
    """user@host, or uid@host in a container where the user has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def installed_version() -> str:
    """laketrain's version; "unknown" where it runs from a source tree that isn't installed."""
    try:
        return metadata.version("laketrain")
    except metadata.PackageNotFoundError:
        return "unknown"


def _signature() -> bytes:
    return json.dumps({"by": whoami(), "at": datetime.now(timezone.utc).isoformat(), "pid": os.getpid()}).encode()
