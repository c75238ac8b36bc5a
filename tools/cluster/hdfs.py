"""HDFS: the configuration of its daemons, and when it is ready. Each block is on two DataNodes; one may be lost.

    hdfs = Hdfs(folder)
    hdfs.url, hdfs.core(), hdfs.site(), hdfs.overrides("datanode-1")
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.ports import LOOPBACK, free_ports
from cluster.settings import Settings

NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
ADMIN = "org.apache.hadoop.hdfs.tools.DFSAdmin"
REPLICATION = 2
PAGES = ("hdfs", "datanode")
"""Folders of web pages, which the daemons need and Hadoop's jars lack. Empty ones are enough."""

# For a small machine and short tests: failures are noticed within seconds, and daemons have few threads.
QUICK: Settings = {
    "dfs.replication": REPLICATION,
    "dfs.heartbeat.interval": 1,
    "dfs.namenode.heartbeat.recheck-interval": 2000,
    # A lost DataNode gets no new blocks after 3 s. It counts as dead after 14 s, which can't be much shorter.
    "dfs.namenode.avoid.write.stale.datanode": True,
    "dfs.namenode.stale.datanode.interval": 3000,
    "dfs.namenode.redundancy.interval.seconds": 1,
    "dfs.namenode.safemode.extension": 0,
    "dfs.namenode.handler.count": 4,
    "dfs.namenode.service.handler.count": 2,
    "dfs.datanode.handler.count": 2,
    "dfs.datanode.max.transfer.threads": 512,
    "dfs.namenode.datanode.registration.ip-hostname-check": False,
}
DATANODES: Settings = {
    "dfs.datanode.address": f"{LOOPBACK}:0",
    "dfs.datanode.http.address": f"{LOOPBACK}:0",
    "dfs.datanode.ipc.address": f"{LOOPBACK}:0",
    "dfs.datanode.hostname": LOOPBACK,
}


class Hdfs:
    """One NameNode and its DataNodes."""

    namenodes: tuple[str, ...] = ("namenode",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rpc, self.http = free_ports(2)

    @property
    def url(self) -> str:
        return f"hdfs://{LOOPBACK}:{self.rpc}"

    def core(self) -> Settings:
        """core-site.xml, of clients too."""
        return {"fs.defaultFS": self.url, "hadoop.tmp.dir": self.folder / "tmp"}

    def site(self) -> Settings:
        """hdfs-site.xml, of clients too."""
        return {**QUICK, **DATANODES,
                "dfs.namenode.rpc-address": f"{LOOPBACK}:{self.rpc}",
                "dfs.namenode.http-address": f"{LOOPBACK}:{self.http}",
                "dfs.namenode.name.dir": (self.folder / "data" / "namenode").as_uri()}

    def overrides(self, name: str) -> Settings:
        """The settings of this daemon only."""
        return {} if name == "namenode" else {"dfs.datanode.data.dir": (self.folder / "data" / name).as_uri()}

    @property
    def formatted(self) -> bool:
        """Whether there is a file system."""
        return (self.folder / "data" / self.namenodes[-1]).exists()

    def format(self, run: Callable[..., str]) -> None:
        """Makes an empty file system. `run` starts a command of Hadoop's."""
        run(NAMENODE, "-format", "-nonInteractive")

    def ready(self, datanodes: int) -> bool:
        """Whether so many DataNodes are live, and files can be written."""
        state = self.state()
        return len(state.get("LiveNodes", {})) >= datanodes and not state.get("Safemode", "unknown")

    def state(self) -> dict[str, Any]:
        """The status of the NameNode, LiveNodes and DeadNodes by name; empty while it doesn't answer."""
        return self._asked(self.http)

    def _asked(self, port: int) -> dict[str, Any]:
        query = f"http://{LOOPBACK}:{port}/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"
        try:
            with urllib.request.urlopen(query, timeout=5) as answer:
                [state] = json.load(answer)["beans"]
        except (OSError, ValueError):
            return {}
        return {**state, **{key: json.loads(state[key]) for key in ("LiveNodes", "DeadNodes")}}
