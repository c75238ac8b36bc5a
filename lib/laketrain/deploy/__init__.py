"""Packages a workload for a cluster that has only Spark: one folder, and the command that submits it.

    from laketrain.deploy import Cluster, package

    workload = Workload.load("conf/mnist.yaml", lake="hdfs://namenode/lake")
    result = package(workload, Path("build/package"), Cluster("yarn"))
    print(result.commands["cluster"])
"""

from laketrain.deploy.bundle import Package, package
from laketrain.deploy.command import Cluster

__all__ = ["Cluster", "Package", "package"]
