from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cluster import Cluster
from laketrain.doctor.hdfs import from_java
from laketrain.errors import LakeError
from laketrain.lake import Lake, open_store

from ..lost_replies import losing_reply

FORKS = """
import subprocess, sys
from laketrain.lake import Lake
from laketrain.lake.stores.remote import filesystem_of

filesystem, path = filesystem_of(sys.argv[1] + "/*")
assert filesystem.glob(path), path
Lake(sys.argv[1]).tables()
subprocess.run(["true"], preexec_fn=lambda: None, check=True)  # as pyspark starts its JVM
print("forked")
"""


def test_a_namenode_that_does_not_listen_is_reported_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: no other server can answer there
        url = f"hdfs://127.0.0.1:{taken.getsockname()[1]}/lake"
        with pytest.raises(LakeError, match="Connection refused") as caught:
            Lake(url).table("clean", "pixels").latest()
    assert url in str(caught.value)


@pytest.mark.cluster
def test_a_process_that_read_from_hdfs_can_be_forked(hdfs: str) -> None:
    """If fsspec keeps the client, the child waits for ever for threads that only its parent has."""
    open_store(f"{hdfs}/forks").write("a", b"1")
    result = subprocess.run([sys.executable, "-c", FORKS, f"{hdfs}/forks"], capture_output=True, text=True, check=False,
                            timeout=120)
    assert result.stdout.split() == ["forked"], result.stderr


@pytest.mark.cluster
def test_a_datanode_that_just_died_does_not_prevent_writing(cluster: Cluster) -> None:
    """The NameNode continues to name it for a while."""
    store = open_store(f"{cluster.hdfs}/dead")
    cluster.kill("datanode-2")
    try:
        for number in range(6):
            store.create(f"log/{number}", b"1")
    finally:
        cluster.launch("datanode-2")
        cluster.wait("HDFS", lambda: cluster.files.ready(2))
    assert [store.read(file.path) for file in store.list("log")] == [b"1"] * 6
    assert store.temporary("log") == []


@pytest.mark.cluster
@pytest.mark.parametrize("method", ["rename2", "create", "complete", "getFileInfo"])
def test_a_commit_whose_reply_was_lost_is_made_once_and_is_ours(hdfs: str, method: str) -> None:
    folder = f"lost/{uuid.uuid4().hex}"
    parts = urlsplit(hdfs)
    with losing_reply(hdfs, method) as url:
        open_store(f"{url}{parts.path}/{folder}").create("log/1", b"ours")
    store = open_store(f"{hdfs}/{folder}")
    assert store.read("log/1") == b"ours"
    assert store.temporary("log") == []
    with pytest.raises(FileExistsError):
        store.create("log/1", b"theirs")


@pytest.mark.cluster
def test_a_move_whose_reply_was_lost_succeeds(hdfs: str) -> None:
    folder = f"lost/{uuid.uuid4().hex}"
    store = open_store(f"{hdfs}/{folder}")
    store.write("log/draft", b"1")
    with losing_reply(hdfs, "rename2") as url:
        open_store(f"{url}{urlsplit(hdfs).path}/{folder}").move("log/draft", "log/done")
    assert [file.path for file in store.list("log")] == ["log/done"]


@pytest.mark.cluster
def test_the_doctor_lets_java_read_what_python_wrote(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(cluster.conf))
    check = from_java(f"{cluster.hdfs}/doctor")
    assert check.ok, check.result
    assert Path(os.environ["HADOOP_CONF_DIR"]).name in check.result
    assert open_store(cluster.hdfs).list("doctor") == []
