"""YARN: the configuration of its daemons. Each of two NodeManagers has room for an executor, one also for a driver.

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
"""The variables that containers inherit from their NodeManager."""
SCHEDULER: Settings = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": 100,
    "yarn.scheduler.capacity.maximum-am-resource-percent": 1.0,
}


class Yarn:
    """One ResourceManager and its NodeManagers."""

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
            # Containers are scheduled by their requests, which a test machine doesn't enforce.
            "yarn.nodemanager.pmem-check-enabled": False,
            "yarn.nodemanager.vmem-check-enabled": False,
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.9,
            # The mark identifies containers whose NodeManager was killed, so that they can be ended.
            "yarn.nodemanager.env-whitelist": ",".join(("HADOOP_CONF_DIR", MARK, *ENVIRON)),
            "yarn.nm.liveness-monitor.expiry-interval-ms": 30000,
            "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 200,
            "yarn.resourcemanager.am.max-attempts": 2,
            # Logs of containers are collected on HDFS, for `yarn logs`, and also stay in their folder.
            "yarn.log-aggregation-enable": True,
            "yarn.nodemanager.remote-app-log-dir": "/yarn-logs",
            "yarn.nodemanager.delete.debug-delay-sec": 3600,
            # A container whose ResourceManager is gone ends by itself.
            "yarn.resourcemanager.connect.max-wait.ms": 30000,
        }

    def overrides(self, name: str) -> Settings:
        """The settings of this daemon only."""
        if name == "resourcemanager":
            return {}
        host = _host(name)
        return {"yarn.nodemanager.hostname": host,
                **{f"yarn.nodemanager.{part}address": f"{host}:0" for part in ("", "localizer.", "webapp.")},
                "yarn.nodemanager.local-dirs": self.folder / "data" / name,
                "yarn.nodemanager.log-dirs": self.containers(name)}

    def containers(self, name: str) -> Path:
        """The folder of the containers' logs: <application>/<container>/stdout and stderr."""
        return self.folder / "logs" / f"{name}-containers"

    def ready(self, nodemanagers: int) -> bool:
        """Whether so many NodeManagers are running."""
        query = f"http://{LOOPBACK}:{self.ports['webapp.address']}/ws/v1/cluster/metrics"
        try:
            with urllib.request.urlopen(query, timeout=5) as answer:
                return int(json.load(answer)["clusterMetrics"]["activeNodes"]) >= nodemanagers
        except (OSError, ValueError):
            return False


def _host(name: str) -> str:
    """An address of the loopback network for each NodeManager: Spark counts nodes with one name as one machine, on
    which it starts no second copy of a slow task."""
    return f"{LOOPBACK.rpartition('.')[0]}.{name.rpartition('-')[2]}"
