"""What a workload needs to run where only Spark is: one folder, and the command that submits it.

    from laketrain.deploy import Cluster, package

    workload = Workload.load("conf/mnist.yaml", lake="hdfs://namenode/lake")
    made = package(workload, Path("build/package"), Cluster("yarn"))
    print(made.commands["cluster"])
"""

from laketrain.deploy.bundle import Package, package
from laketrain.deploy.command import Cluster

__all__ = ["Cluster", "Package", "package"]
