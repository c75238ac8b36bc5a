from __future__ import annotations

import os
import pickle
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from laketrain.errors import LakeError
from laketrain.lake import Store

from ..writers import parquet


def test_a_written_file_is_read_back(store: Store) -> None:
    store.write("a/b c/ü.bin", b"content")
    assert store.read("a/b c/ü.bin") == b"content"
    assert store.exists("a/b c/ü.bin")
    assert store.exists("a/b c")
    assert not store.exists("a/b")


def test_an_empty_file_is_a_file(store: Store) -> None:
    store.create("a/empty", b"")
    assert store.read("a/empty") == b""
    assert [(file.path, file.size) for file in store.list("a")] == [("a/empty", 0)]


@pytest.mark.parametrize("verb", ["create", "write"])
def test_an_existing_file_is_never_overwritten(store: Store, verb: str) -> None:
    getattr(store, verb)("log/1", b"first")
    with pytest.raises(FileExistsError):
        getattr(store, verb)("log/1", b"second")
    assert store.read("log/1") == b"first"
    assert [file.path for file in store.list("log")] == ["log/1"]
    assert store.temporary("log") == []


def test_a_missing_file_raises_filenotfounderror(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("no/such")
    with pytest.raises(FileNotFoundError):
        store.open("no/such").read(1)


def test_listing_returns_sorted_files_with_sizes_and_times(store: Store) -> None:
    for name in ("d/b", "d/a", "d/sub/c", "e/x"):
        store.write(name, name.encode())
    assert [(file.path, file.size) for file in store.list("d")] == [("d/a", 3), ("d/b", 3)]
    assert [file.path for file in store.list("d", recursive=True)] == ["d/a", "d/b", "d/sub/c"]
    assert all(file.mtime > 1.5e9 for file in store.list("d"))
    assert store.dirs("d") == ["sub"]
    assert store.list("absent") == []
    assert store.dirs("absent") == []
    assert store.list("d/a") == []


def test_a_listing_of_many_pages_is_complete(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laketrain.lake.stores.s3._PAGE", 10)
    names = [f"many/{number:04d}" for number in range(33)]
    for name in names:
        store.write(name, b"")
    assert [file.path for file in store.list("many")] == names
    store.delete("many")
    assert store.list("many") == []


def test_parquet_is_read_through_open(store: Store) -> None:
    store.write("t.parquet", parquet(1000, group=100))
    with store.open("t.parquet") as file:
        read = pq.ParquetFile(file)
        assert read.num_row_groups == 10
        assert read.read_row_group(3).column("x").to_pylist() == list(range(300, 400))


def test_open_seeks_and_reads_like_any_file(store: Store) -> None:
    store.write("f", bytes(range(200)))
    with store.open("f") as file:
        assert file.seek(-10, os.SEEK_END) == 190
        assert file.read() == bytes(range(190, 200))
        assert file.read(1) == b""
        file.seek(5)
        assert file.read(3) == b"\5\6\7"
        assert file.tell() == 8


def test_delete_empty_deletes_only_empty_directories(store: Store) -> None:
    store.write("leases/a/1", b"1")
    store.delete_empty("leases/a")
    assert store.read("leases/a/1") == b"1"
    store.delete("leases/a/1")
    store.delete_empty("leases/a")
    store.delete_empty("leases/never was")
    assert store.dirs("leases") == []


def test_delete_removes_a_tree_and_ignores_a_missing_one(store: Store) -> None:
    store.write("tree/a", b"1")
    store.write("tree/sub/b", b"2")
    store.write("treehouse", b"3")
    store.delete("tree")
    store.delete("tree")
    store.delete("never/there")
    assert not store.exists("tree")
    assert store.read("treehouse") == b"3"


def test_move_renames_files_and_trees_and_never_replaces(store: Store) -> None:
    store.write("a/x", b"1")
    store.write("a/s/y", b"2")
    store.write("taken", b"0")
    with pytest.raises(FileExistsError):
        store.move("a/x", "taken")
    store.move("a/x", "new/z")
    assert store.read("new/z") == b"1"
    assert not store.exists("a/x")
    assert store.read("taken") == b"0"
    store.move("a", "b/c")
    assert store.read("b/c/s/y") == b"2"
    assert not store.exists("a/s/y")
    with pytest.raises(FileNotFoundError):
        store.move("absent", "q")


def test_get_and_put_copy_files_and_trees(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_bytes(b"a")
    (source / "sub" / "b.txt").write_bytes(b"b")
    store.put(str(source), "up/model")
    store.put(str(source / "a.txt"), "up/one.txt")
    assert [file.path for file in store.list("up", recursive=True)] == \
        ["up/model/a.txt", "up/model/sub/b.txt", "up/one.txt"]
    with pytest.raises(FileExistsError):
        store.put(str(source / "a.txt"), "up/one.txt")
    down = str(tmp_path / "down")
    assert Path(store.get("up/model", down), "sub", "b.txt").read_bytes() == b"b"
    assert Path(store.get("up/one.txt", down)).read_bytes() == b"a"
    with pytest.raises(FileNotFoundError):
        store.get("up/none", down)


@pytest.mark.parametrize("verb", ["read", "open", "list", "exists", "delete", "url", "dirs", "local", "sync"])
@pytest.mark.parametrize("path", ["../x", "/etc", "", "a\x00b"])
def test_every_operation_refuses_a_path_outside_the_lake(store: Store, verb: str, path: str) -> None:
    with pytest.raises(LakeError):
        getattr(store, verb)(path)


@pytest.mark.parametrize("verb", ["write", "create"])
def test_writing_outside_the_lake_is_refused(store: Store, verb: str) -> None:
    for path in ("../x", "/tmp/x", ".tmp-x"):
        with pytest.raises(LakeError):
            getattr(store, verb)(path, b"")


def test_a_store_pickles_and_then_works(store: Store) -> None:
    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"
