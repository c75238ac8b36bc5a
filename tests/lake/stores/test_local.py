"""Behaviour of local lakes only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.unprivileged import public_folder, unprivileged

from laketrain.errors import LakeError
from laketrain.lake.stores.local import LocalStore


def test_local_listings_hide_temporary_files(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.write("log/1", b"x")
    (tmp_path / "log" / ".tmp-dead").write_bytes(b"half")
    assert [file.path for file in store.list("log", recursive=True)] == ["log/1"]
    assert [file.path for file in store.temporary("log")] == ["log/.tmp-dead"]


def test_a_read_only_local_lake_is_reported() -> None:
    with public_folder() as folder:
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(LakeError, match=r"writing 'a/b'.*permission denied"):
            LocalStore(str(folder)).create("a/b", b"")


def test_an_unreadable_local_folder_is_not_empty_but_an_error() -> None:
    with public_folder() as folder:
        store = LocalStore(str(folder))
        store.create("log/1", b"x")
        (folder / "log" / "1").chmod(0o222)
        with unprivileged(), pytest.raises(LakeError, match=r"reading 'log/1'.*permission denied"):
            store.read("log/1")
        (folder / "log").chmod(0o311)
        for ask in (store.list, store.dirs, store.temporary):
            with unprivileged(), pytest.raises(LakeError, match=r"reading 'log'.*permission denied"):
                ask("log")
        (folder / "log").chmod(0o755)


def test_a_full_disk_is_reported_and_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = LocalStore(str(tmp_path))
    store.write("log/0", b"")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="disk is full"):
        store.create("log/1", b"x")
    assert [file.path for file in store.list("log")] == ["log/0"]
    assert store.temporary("log") == []
