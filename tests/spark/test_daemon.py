"""The daemon of Python workers: what it changes, and that all else is PySpark's."""

from __future__ import annotations

import socket
import sys
import zipfile
import zipimport
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from laketrain.config.spark import Spark
from laketrain.spark import session
from laketrain.spark.daemon import read_archives_once, with_quick_ack


def archive(path: Path, value: int) -> None:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("zipped.py", f"VALUE = {value}\n" + "#" * value)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archives that are read anew from then on."""
    result: list[str] = []
    read = zipimport.zipimporter.invalidate_caches

    def counted(importer: zipimport.zipimporter) -> None:
        result.append(importer.archive)
        read(importer)

    monkeypatch.setattr(zipimport.zipimporter, "invalidate_caches", counted)
    return result


def test_an_archive_is_read_again_only_if_it_changed(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "modules.zip"
    archive(path, 1)
    importer = zipimport.zipimporter(str(path))
    read_archives_once()
    for _ in range(3):
        importer.invalidate_caches()
    assert reads == [str(path)]
    archive(path, 2)
    importer.invalidate_caches()
    importer.invalidate_caches()
    assert reads == [str(path)] * 2
    assert "VALUE = 2" in (importer.get_source("zipped") or "")


def test_an_archive_that_was_used_before_is_not_read_again(tmp_path: Path, reads: list[str],
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "modules.zip")
    archive(Path(path), 1)
    monkeypatch.setitem(sys.path_importer_cache, path, zipimport.zipimporter(path))
    read_archives_once()
    zipimport.zipimporter(path).invalidate_caches()
    assert reads == []


def test_a_missing_archive_is_left_to_python(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "modules.zip"
    archive(path, 1)
    importer = zipimport.zipimporter(str(path))
    read_archives_once()
    path.unlink()
    importer.invalidate_caches()
    assert reads == [str(path)]


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux has the setting")
def test_a_worker_reads_its_tcp_connection_to_the_end_and_returns_its_result() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sender:
        receiver, _ = server.accept()
        sender.sendall(b"a task")
        sender.shutdown(socket.SHUT_WR)
        with receiver:
            assert with_quick_ack(lambda sock, _: len(sock.recv(100)))(receiver, True) == len(b"a task")


def test_a_worker_on_a_unix_socket_is_unchanged() -> None:
    sender, receiver = socket.socketpair()
    with sender, receiver:
        assert with_quick_ack(lambda sock, authenticated: int(sock is receiver and authenticated))(receiver, True)


def test_only_a_local_session_uses_the_daemon_by_default() -> None:
    def module(master: str, submitted: bool = False) -> str | None:
        return session._settings(Spark(master=master), submitted, {}).get("spark.python.daemon.module")

    assert module("local[2]") == "laketrain.spark.daemon"
    assert module("yarn") is None
    assert module("local[2]", submitted=True) is None


def test_tasks_of_a_session_with_the_daemon_run_in_it(spark: SparkSession) -> None:
    def which(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            skips = zipimport.zipimporter.invalidate_caches.__module__
            yield pa.RecordBatch.from_pydict({"module": [skips], "command": [" ".join(sys.orig_argv)]})

    rows = spark.range(0, 2, 1, 2).mapInArrow(which, "module string, command string").collect()
    assert {row["module"] for row in rows} == {"__main__"}
    assert all("-m laketrain.spark.daemon" in row["command"] for row in rows)
