"""Daemons as processes: identified by their mark, ended with all that they started. Quick: the daemon is `sleep`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.cluster import end_all
from cluster.daemon import MARK, Daemon, marked
from cluster.jars import Missing, jars
from cluster.ports import LOOPBACK, free_ports, free_row, listens

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path)


def daemon(folder: Path, *command: str, attached: bool = True) -> Daemon:
    sleeper = Daemon("sleeper", command or ("sleep", "60"), folder, dict(os.environ), attached)
    sleeper.start()
    return sleeper


def process(program: str) -> subprocess.Popen[str]:
    """Another process that may import `cluster`."""
    tools = Path(__file__).resolve().parents[2] / "tools"
    return subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(tools)}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def soon(happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not happens() and time.monotonic() < end:
        time.sleep(0.02)
    return happens()


def test_a_daemon_is_killed_and_started_again_and_keeps_its_log(folder: Path) -> None:
    sleeper = daemon(folder, "sh", "-c", "echo began; exec sleep 60")
    assert soon(lambda: "began" in sleeper.last_lines())
    first = sleeper.pid
    sleeper.kill()
    assert not sleeper.alive()
    sleeper.start()
    assert sleeper.alive()
    assert sleeper.pid != first
    assert soon(lambda: sleeper.log.read_text().count("began") == 2)


def test_what_does_not_end_when_asked_is_ended_outright(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.daemon._PATIENCE_S", 0.5)
    sleeper = daemon(folder, "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    assert soon(lambda: "deaf" in sleeper.last_lines())
    sleeper.end()
    assert not sleeper.alive()


def test_all_is_ended_also_what_a_killed_daemon_started_and_nothing_else_is(folder: Path) -> None:
    """As a NodeManager starts containers, in sessions of their own."""
    sleeper = daemon(folder, sys.executable, "-c",
                  "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)")
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"{folder}-2"})
    try:
        assert soon(lambda: len(list(marked(folder))) == 2)
        sleeper.kill()
        assert len(list(marked(folder))) == 1
        end_all(folder)
        assert list(marked(folder)) == []
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("attached", [True, False])
def test_an_attached_daemon_ends_with_the_process_that_started_it_however_that_ends(
        folder: Path, attached: bool) -> None:
    program = ("import os, sys, time; from pathlib import Path; from cluster.daemon import Daemon; "
               f"Daemon('sleeper', ['sleep', '60'], Path({str(folder)!r}), dict(os.environ), {attached}).start(); "
               "time.sleep(60)")
    starter = process(program)
    assert soon(lambda: len(list(marked(folder))) == 1)
    [sleeper] = marked(folder)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    if attached:
        assert soon(lambda: not list(marked(folder)))
    else:
        assert list(marked(folder)) == [sleeper]


def test_free_ports_are_different_and_nobody_listens_there() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not any(map(listens, ports))


def test_a_taken_port_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        only(monkeypatch, port)
        assert listens(port)
        with pytest.raises(OSError, match=f"of the ports {port} to {port}, no 1 in a row are free"):
            free_ports(1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ports can't be kept for a server to come")
def test_a_port_is_reserved_for_its_servers_before_they_start_and_between_them(
        monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = free_ports(1)
    only(monkeypatch, port)
    for _ in range(2):
        assert not listens(port)
        with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
            other.bind((LOOPBACK, port))
        assert "no 1 in a row are free" in process(
            f"from cluster import ports; ports._FIRST, ports._LAST = {port}, {port + 1}; ports.free_ports(1)"
        ).communicate()[0]
        with socket.create_server((LOOPBACK, port)):
            assert listens(port)


def test_ports_in_a_row_are_all_free(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_row(5)
    only(monkeypatch, first, 5)
    for port in range(first, first + 5):
        with socket.create_server((LOOPBACK, port)):
            pass
    with pytest.raises(OSError, match="no 2 in a row"):
        free_row(2)


def only(monkeypatch: pytest.MonkeyPatch, first: int, count: int = 1) -> None:
    """Limits the search for free ports to these."""
    monkeypatch.setattr("cluster.ports._FIRST", first)
    monkeypatch.setattr("cluster.ports._LAST", first + count)


def test_jars_that_can_not_be_had_are_missing_with_the_line_that_brings_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt-get install maven"):
        jars("hadoop", tmp_path)


def test_a_maven_that_fails_is_reported_with_its_first_reason_and_leaves_no_half_folder(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho '[INFO] begins'; echo '[ERROR] Unknown host'; echo '[ERROR] more'; exit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    with pytest.raises(Missing, match=r"Maven could not get the jars of hadoop \(Unknown host\)") as caught:
        jars("hadoop", tmp_path / "shelf")
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "shelf").iterdir() if path.is_dir()]
