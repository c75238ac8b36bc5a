"""YARN: what its daemons are told. Each of two NodeManagers has room for one executor, and one for a driver beside it.

    yarn = Yarn(folder, free_ports(PORTS))
    yarn.site(), yarn.scheduler(), yarn.overrides("nodemanager-1")
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from cluster.daemon import MARK
from cluster.ports import LOOPBACK
from cluster.settings import Settings

RESOURCEMANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
NODEMANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
_ADDRESSES = ("address", "scheduler.address", "resource-tracker.address", "admin.address", "webapp.address")
PORTS = len(_ADDRESSES)
NODE_MB, NODE_CORES = 3072, 4
ENVIRON = ("JAVA_HOME", "LC_ALL", "SPARK_LOCAL_IP")
"""What containers have of their NodeManager's environment."""
SCHEDULER: Settings = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": 100,
    "yarn.scheduler.capacity.maximum-am-resource-percent": 1.0,
}


class Yarn:
    """One ResourceManager and what it manages."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder = folder
        self.ports = dict(zip(_ADDRESSES, ports, strict=True))

    def site(self) -> Settings:
        """yarn-site.xml, of clients too."""
        addresses = {f"yarn.resourcemanager.{name}": f"{LOOPBACK}:{port}" for name, port in self.ports.items()}
        return {
            **addresses,
            "yarn.resourcemanager.hostname": LOOPBACK,
            "yarn.nodemanager.resource.memory-mb": NODE_MB,
            "yarn.nodemanager.resource.cpu-vcores": NODE_CORES,
            "yarn.scheduler.minimum-allocation-mb": 128,
            "yarn.scheduler.maximum-allocation-mb": NODE_MB,
            # What the containers ask for is how they are placed; nobody holds them to it on a machine of tests.
            "yarn.nodemanager.pmem-check-enabled": False,
            "yarn.nodemanager.vmem-check-enabled": False,
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.9,
            # By our mark, containers whose NodeManager was killed are found and ended.
            "yarn.nodemanager.env-whitelist": ",".join(("HADOOP_CONF_DIR", MARK, *ENVIRON)),
            "yarn.nm.liveness-monitor.expiry-interval-ms": 30000,
            "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 200,
            "yarn.resourcemanager.am.max-attempts": 2,
            # What containers said is gathered on HDFS, for `yarn logs`, and stays where it was written, too.
            "yarn.log-aggregation-enable": True,
            "yarn.nodemanager.remote-app-log-dir": "/yarn-logs",
            "yarn.nodemanager.delete.debug-delay-sec": 3600,
            # A container whose ResourceManager is gone for good ends by itself.
            "yarn.resourcemanager.connect.max-wait.ms": 30000,
        }

    def overrides(self, name: str) -> Settings:
        """What this daemon alone is told."""
        if name == "resourcemanager":
            return {}
        host = _host(name)
        return {"yarn.nodemanager.hostname": host,
                **{f"yarn.nodemanager.{part}address": f"{host}:0" for part in ("", "localizer.", "webapp.")},
                "yarn.nodemanager.local-dirs": self.folder / "data" / name,
                "yarn.nodemanager.log-dirs": self.containers(name)}

    def containers(self, name: str) -> Path:
        """Where the NodeManager keeps what its containers say: <application>/<container>/stdout and stderr."""
        return self.folder / "logs" / f"{name}-containers"

    def ready(self, nodemanagers: int) -> bool:
        """Whether so many NodeManagers are at work."""
        query = f"http://{LOOPBACK}:{self.ports['webapp.address']}/ws/v1/cluster/metrics"
        try:
            with urllib.request.urlopen(query, timeout=5) as answer:
                return int(json.load(answer)["clusterMetrics"]["activeNodes"]) >= nodemanagers
        except (OSError, ValueError):
            return False


def _host(name: str) -> str:
    """An address of the loopback network for each NodeManager: Spark takes nodes of one name for one machine, on which
    it starts no second copy of a slow task."""
    return f"{LOOPBACK.rpartition('.')[0]}.{name.rpartition('-')[2]}"
