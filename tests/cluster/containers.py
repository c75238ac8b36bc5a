"""YARN's containers as processes of this machine: who runs in them and where, to be killed; and what they said.

    [executor] = processes(cluster, EXECUTOR, node="nodemanager-2")
    os.kill(executor, signal.SIGKILL)
    said(cluster, application)["nodemanager-2"]
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.daemon import Failed, marked

EXECUTOR = "CoarseGrainedExecutorBackend"
DRIVER = "org.apache.spark.deploy.yarn.ApplicationMaster"
LAUNCHER = "org.apache.spark.deploy.yarn.ExecutorLauncher"
"""What stands in the ApplicationMaster's container where the driver is elsewhere."""
NODES = ("nodemanager-1", "nodemanager-2")


def processes(cluster: Cluster, main: str, node: str = "") -> list[int]:
    """The JVMs in containers, of one node or of all, that run this class."""
    return [pid for pid in marked(cluster.folder) if node in (node_of(pid), "") and _runs(pid, main)]


def _runs(pid: int, main: str) -> bool:
    words = _read(pid, "cmdline").split("\0")
    return words[0].endswith("/java") and any(word.endswith(main) for word in words)


def node_of(pid: int) -> str:
    """The node in one of whose containers the process is."""
    result = re.search(r"(nodemanager-\d+)-containers", _environ(pid).get("LOG_DIRS", ""))
    return result[1] if result else ""


def left(cluster: Cluster) -> list[int]:
    """All processes in containers, of whatever job."""
    return [pid for pid in marked(cluster.folder) if "CONTAINER_ID" in _environ(pid)]


def kill_container(cluster: Cluster, pid: int) -> None:
    """Ends all processes of the container that this one is in."""
    container = _environ(pid).get("CONTAINER_ID")
    _kill(other for other in marked(cluster.folder) if container and _environ(other).get("CONTAINER_ID") == container)


def lose_node(cluster: Cluster, node: str) -> None:
    """Ends a NodeManager and all that ran there, as a power cut would."""
    there = [pid for pid in marked(cluster.folder) if node_of(pid) == node]
    cluster.kill(node)
    _kill(there)


def until(happens: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Returns when it has happened; fails where the job ends before."""
    while not happens():
        if process.poll() is not None:
            out, err = process.communicate()
            pytest.fail(f"the job ended with {process.returncode} before that\n{out[-2000:]}\n{err[-4000:]}")
        time.sleep(0.02)


def application_of(stderr: str) -> str:
    """The application's name, as spark-submit told it."""
    return re.findall(r"application_\d+_\d+", stderr)[-1]


def said(cluster: Cluster, application: str) -> dict[str, str]:
    """By node, all that the containers of the application wrote where they ran, which YARN gathers for `yarn logs`."""
    folders = {node: cluster.yarn.containers(node) / application for node in NODES}
    return {node: "".join(path.read_text(errors="replace") for path in sorted(folder.rglob("std*")))
            for node, folder in folders.items()}


def yarn_logs(cluster: Cluster, application: str) -> str:
    """What `yarn logs -applicationId …` shows, once YARN has gathered it from both nodes."""
    shown = ""

    def gathered() -> bool:
        nonlocal shown
        with contextlib.suppress(Failed):  # nothing is there yet
            shown = cluster.run("org.apache.hadoop.yarn.client.cli.LogsCLI", "-applicationId", application)
        return len(set(re.findall(r"^Container: \S+ on (\S+)_\d+$", shown, re.MULTILINE))) == len(NODES)

    cluster.wait("yarn logs", gathered)
    return shown


def _kill(pids: Iterable[int]) -> None:
    for pid in list(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _environ(pid: int) -> dict[str, str]:
    return dict(each.split("=", 1) for each in _read(pid, "environ").split("\0") if "=" in each)


def _read(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    return ""
