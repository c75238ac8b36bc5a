"""HDFS with two NameNodes behind a nameservice. Their edits are in a shared folder; the tests choose the active one.

    with Cluster(folder, files=HaHdfs) as cluster:
        cluster.start("hdfs")
        cluster.kill("namenode-1")
        cluster.files.activate("namenode-2", cluster.run)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.hdfs import NAMENODE, Hdfs
from cluster.ports import LOOPBACK, free_ports
from cluster.settings import Settings

ADMIN = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"
SERVICE = "lakes"


class HaHdfs(Hdfs):
    """hdfs://lakes, which clients find by their HADOOP_CONF_DIR."""

    namenodes = ("namenode-1", "namenode-2")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        ports = free_ports(2 * len(self.namenodes))
        self._rpc = dict(zip(self.namenodes, ports, strict=False))
        self._http = dict(zip(self.namenodes, ports[len(self.namenodes):], strict=True))

    @property
    def url(self) -> str:
        return f"hdfs://{SERVICE}"

    def site(self) -> Settings:
        single = {name: value for name, value in super().site().items() if not name.startswith("dfs.namenode.rpc-")}
        per_node = {key: value for name in self.namenodes for key, value in (
            (f"dfs.namenode.rpc-address.{SERVICE}.{name}", f"{LOOPBACK}:{self._rpc[name]}"),
            (f"dfs.namenode.http-address.{SERVICE}.{name}", f"{LOOPBACK}:{self._http[name]}"))}
        return {
            **single, **per_node,
            "dfs.nameservices": SERVICE,
            f"dfs.ha.namenodes.{SERVICE}": ",".join(self.namenodes),
            f"dfs.client.failover.proxy.provider.{SERVICE}":
                "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
            "dfs.namenode.shared.edits.dir": (self.folder / "data" / "shared").as_uri(),
            "dfs.ha.automatic-failover.enabled": False,
            "dfs.ha.fencing.methods": "shell(true)",
            "dfs.ha.tail-edits.period": 1,
        }

    def overrides(self, name: str) -> Settings:
        if name not in self.namenodes:
            return super().overrides(name)
        return {"dfs.ha.namenode.id": name, "dfs.namenode.name.dir": (self.folder / "data" / name).as_uri()}

    def format(self, run: Callable[..., str]) -> None:
        first, second = self.namenodes
        data = self.folder / "data"
        (data / "shared").mkdir(parents=True)
        run(NAMENODE, "-D", f"dfs.ha.namenode.id={first}", "-D", f"dfs.namenode.name.dir={(data / first).as_uri()}",
            "-format", "-nonInteractive")
        shutil.copytree(data / first, data / second)

    def activate(self, name: str, run: Callable[..., str]) -> None:
        """Makes the NameNode active; the other is on standby, or dead."""
        run(ADMIN, "-transitionToActive", "--forceactive", name)

    def state(self) -> dict[str, Any]:
        """Of the NameNode that most DataNodes know."""
        states = [self._asked(port) for port in self._http.values()]
        return max(states, key=lambda state: len(state.get("LiveNodes", {})))
