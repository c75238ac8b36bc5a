"""YARN's containers as processes of this machine: what runs in them and on which node, to be killed; and their logs.

    [executor] = processes(cluster, EXECUTOR, node="nodemanager-2")
    os.kill(executor, signal.SIGKILL)
    logs(cluster, application)["nodemanager-2"]
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
"""What runs in the ApplicationMaster's container if the driver runs elsewhere."""
NODES = ("nodemanager-1", "nodemanager-2")


def processes(cluster: Cluster, main: str, node: str = "") -> list[int]:
    """The JVMs in containers, of one node or of all, that run this class."""
    return [pid for pid in marked(cluster.folder) if node in (node_of(pid), "") and _runs(pid, main)]


def _runs(pid: int, main: str) -> bool:
    words = _read(pid, "cmdline").split("\0")
    return words[0].endswith("/java") and any(word.endswith(main) for word in words)


def node_of(pid: int) -> str:
    """The node of the container that the process runs in; empty for other processes."""
    result = re.search(r"(nodemanager-\d+)-containers", _environ(pid).get("LOG_DIRS", ""))
    return result[1] if result else ""


def running(cluster: Cluster) -> list[int]:
    """All processes in containers, of any job."""
    return [pid for pid in marked(cluster.folder) if "CONTAINER_ID" in _environ(pid)]


def kill_container(cluster: Cluster, pid: int) -> None:
    """Ends all processes of the container that this process runs in."""
    container = _environ(pid).get("CONTAINER_ID")
    _kill(other for other in marked(cluster.folder) if container and _environ(other).get("CONTAINER_ID") == container)


def lose_node(cluster: Cluster, node: str) -> None:
    """Ends a NodeManager and all that ran there, as a power cut would."""
    processes_of_node = [pid for pid in marked(cluster.folder) if node_of(pid) == node]
    cluster.kill(node)
    _kill(processes_of_node)


def until(happens: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Returns when it has happened; fails if the job ends first."""
    while not happens():
        if process.poll() is not None:
            out, err = process.communicate()
            pytest.fail(f"the job ended with {process.returncode} before that\n{out[-2000:]}\n{err[-4000:]}")
        time.sleep(0.02)


def application_of(stderr: str) -> str:
    """The application's name, from the output of spark-submit."""
    return re.findall(r"application_\d+_\d+", stderr)[-1]


def logs(cluster: Cluster, application: str) -> dict[str, str]:
    """By node, the output of the application's containers, which YARN also collects for `yarn logs`."""
    folders = {node: cluster.yarn.containers(node) / application for node in NODES}
    return {node: "".join(path.read_text(errors="replace") for path in sorted(folder.rglob("std*")))
            for node, folder in folders.items()}


def yarn_logs(cluster: Cluster, application: str) -> str:
    """The output of `yarn logs -applicationId …`, once YARN has collected it from both nodes."""
    output = ""

    def is_complete() -> bool:
        nonlocal output
        with contextlib.suppress(Failed):  # nothing is collected yet
            output = cluster.run("org.apache.hadoop.yarn.client.cli.LogsCLI", "-applicationId", application)
        return len(set(re.findall(r"^Container: \S+ on (\S+)_\d+$", output, re.MULTILINE))) == len(NODES)

    cluster.wait("yarn logs", is_complete)
    return output


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
