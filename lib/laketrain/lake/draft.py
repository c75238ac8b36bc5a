"""A draft is data that nobody sees until one file, the log entry, is created.

    with table.stage() as draft:
        store.write(draft.path("model.keras"), content)
        version = draft.commit(stage="train")

A draft is closed once, by the creation of `_drafts/<unique>.closed`, either by its commit or by the garbage collector.
So the collector can't take data from under a commit, however long that job slept, and a job whose data was collected
is told so instead of committing what is left of it.
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
from laketrain.lake.contents import found_files, verify_files
from laketrain.lake.paths import join
from laketrain.lake.version import DataFile, Entry, Version, newer_parent

if TYPE_CHECKING:
    from laketrain.lake.table import Table

STAMP = "%Y%m%dT%H%M%S"


class Draft:
    """A place for the data of a version to be. Made by `Table.stage`; `after` is the latest version at that time."""

    def __init__(self, table: Table, unique: str, after: int) -> None:
        self.table, self.unique, self.after = table, unique, after
        self._store = table.lake.store
        self._started = time.monotonic()
        self._closed = False
        self._uncertain = False
        self._version: Version | None = None

    @classmethod
    def open(cls, table: Table) -> Draft:
        """A fresh draft of `table`, with the mark that says that its job may still be running."""
        unique = f"{datetime.now(timezone.utc).strftime(STAMP)}-{uuid.uuid4().hex[:12]}"
        draft = cls(table, unique, max(table.versions(), default=0))
        draft._store.create(open_mark(table, unique), _signature())
        return draft

    def path(self, rel: str = "") -> str:
        """Of the data, or of `rel` in it, relative to the lake's root."""
        return join(data_path(self.table, self.unique), rel)

    def url(self, rel: str = "") -> str:
        """As Spark must write it."""
        return self._store.url(self.path(rel))

    def commit(self, *, files: Sequence[DataFile] | None = None, table_schema: str | None = None,
               parents: dict[str, int] | None = None, fingerprint: str = "", counts: dict[str, Any] | None = None,
               meta: dict[str, Any] | None = None, stage: str = "", seconds: float | None = None,
               after: int | None = None, newest: Mapping[str, int] | None = None) -> Version:
        """Makes the draft the next version, or finds that another writer did the same work meanwhile.

        Args:
            files: what the data consists of; listed from the storage where None, with rows from Parquet footers.
            fingerprint: where a version committed since `stage` has the same one, the draft is discarded and that
                version is returned, its `won` False.
            seconds: since `stage` where None.
            after: the version, 0 for none, that this one goes on from and so must follow at once; None where it stands
                by itself.
            newest: by parent, its newest version when the one in `parents` was chosen: a version made of a newer one
                is not to be followed by this.

        Raises:
            CommitConflict: another version follows `after` already, or was made of a parent beyond `newest`; the draft
                is discarded.
            LakeError: a file is truncated, absent, undeclared or of another size; a value is not JSON; the garbage
                collector took the data.
        """
        if self._version is not None:
            raise LakeError("lake", f"draft of {self.table.path}", f"is committed already, as {self._version.ref}",
                            "Stage another draft.")
        self._store.sync(self.path())
        self._close()
        held = found_files(self._store, self.path()) if files is None else list(files)
        verify_files(self._store, self.path(), held)
        fields: dict[str, Any] = {
            "data": f"data/{self.unique}", "files": held, "table_schema": table_schema, "parents": parents or {},
            "fingerprint": fingerprint, "counts": counts or {}, "meta": meta or {}, "stage": stage,
            "created": datetime.now(timezone.utc), "by": whoami(), "laketrain": installed_version(),
            "seconds": time.monotonic() - self._started if seconds is None else seconds,
        }
        return self._take_number(fields, after, newest or {})

    def discard(self) -> None:
        """Removes the data; a committed draft, or one whose commit may have succeeded, is left alone."""
        if self._version is not None or self._uncertain:
            return
        remove_draft(self.table, self.unique)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None:
            self.discard()

    def _close(self) -> None:
        """From here on the garbage collector keeps its hands off. Verification comes after, and so holds."""
        if not self._closed:
            try:
                self._store.create(closed_mark(self.table, self.unique), _signature())
            except FileExistsError:
                raise self._collected() from None
            self._closed = True
        if not self._store.exists(open_mark(self.table, self.unique)):
            raise self._collected()

    def _collected(self) -> LakeError:
        return LakeError("lake", f"draft of {self.table.path}", "was removed by the garbage collector before its "
                         "commit", "Run the stage again, and let gc keep what is younger than the longest job.")

    def _take_number(self, fields: dict[str, Any], after: int | None, newest: Mapping[str, int]) -> Version:
        start = self.after if after is None else after
        there = self.table.versions()
        for number in [number for number in there if number <= start][-1:] if newest else ():
            self._refuse_outdated(self.table.at(number), newest)
        # A number of a version that was dropped meanwhile is free, and must never be another's: it would be an old one.
        since = [number for number in there if number > start]
        for number in since:
            if (found := self._met(self.table.at(number), fields, after, newest)) is not None:
                return found
        number = max(since, default=start) + 1
        while True:
            content = self._serialised({**fields, "version": number})
            # An error or a signal in create leaves open whether the entry is there: then the data must stay.
            self._uncertain = True
            try:
                self._store.create(self.table.log_path(number), content)
            except FileExistsError:
                met = self.table.at(number)
            else:
                return self._won(self.table.get(number))
            self._uncertain = False
            if (found := self._met(met, fields, after, newest)) is not None:
                return found
            number += 1

    def _met(self, there: Version | None, fields: dict[str, Any], after: int | None, newest: Mapping[str, int]
             ) -> Version | None:
        """What becomes of this draft beside a version that is there: that version, where it is this one, whose answer
        was lost to us or to the storage's client, or where it is the same work, to which this one gives way; else None.
        Raises CommitConflict where this one was to follow `after`, or is made of older data than that one."""
        if there is None:
            return None
        if there.entry.data == fields["data"]:
            return self._won(there)
        if fields["fingerprint"] and there.entry.fingerprint == fields["fingerprint"]:
            self.discard()
            return Version(there.lake, there.zone, there.name, there.entry, won=False)
        if after is not None:
            self.discard()
            raise CommitConflict("lake", f"commit to {self.table.path}", f"{there.ref} came first, and this one "
                                 f"was to follow version {after}", "Make it again from the latest.")
        self._refuse_outdated(there, newest)
        return None

    def _refuse_outdated(self, there: Version | None, newest: Mapping[str, int]) -> None:
        """Raises CommitConflict where this draft would put the table back to a state before `there`."""
        parent = "" if there is None else newer_parent(there, newest)
        if there is not None and parent:
            self.discard()
            raise CommitConflict("lake", f"commit to {self.table.path}", f"{there.ref} was made of {parent} meanwhile, "
                                 "and this one of older data", "Make it again from the latest.")

    def _won(self, version: Version) -> Version:
        self._version, self._uncertain = version, False
        self._store.delete(open_mark(self.table, self.unique))
        self._store.delete(closed_mark(self.table, self.unique))
        return version

    def _serialised(self, fields: dict[str, Any]) -> bytes:
        try:
            return Entry(**fields).model_dump_json(indent=1).encode()
        except (PydanticSerializationError, ValueError) as error:
            raise LakeError("lake", f"commit to {self.table.path}", f"a value can't be stored as JSON: {error}",
                            "Use plain numbers, text, lists and dicts: float(x) of a NumPy number, x.tolist() of an "
                            "array.") from error


def data_path(table: Table, unique: str) -> str:
    """Of the draft's data, which becomes the version's without being moved."""
    return f"{table.path}/data/{unique}"


def open_mark(table: Table, unique: str) -> str:
    """The file that says that the draft's job may be running."""
    return f"{table.path}/_drafts/{unique}.open"


def closed_mark(table: Table, unique: str) -> str:
    """The file whose creation gives the draft to its commit or to the garbage collector, for good."""
    return f"{table.path}/_drafts/{unique}.closed"


def remove_draft(table: Table, unique: str) -> None:
    """Removes a draft that its caller has closed or owns.

    The open mark goes first and the closed mark last: at every instant a commit would find itself refused by one.
    """
    store = table.lake.store
    store.delete(open_mark(table, unique))
    store.delete(data_path(table, unique))
    store.delete(closed_mark(table, unique))


def whoami() -> str:
    """user@host; the user's number in a container that has no name for it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def installed_version() -> str:
    """Of laketrain; "unknown" where it runs from a source tree that was not installed."""
    try:
        return metadata.version("laketrain")
    except metadata.PackageNotFoundError:
        return "unknown"


def _signature() -> bytes:
    return json.dumps({"by": whoami(), "at": datetime.now(timezone.utc).isoformat(), "pid": os.getpid()}).encode()
