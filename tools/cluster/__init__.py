"""A test cluster of real daemons, each a plain process of this machine: HDFS and YARN of Hadoop 3.4, Kafka 3.9.

    make cluster-up                      # NameNode, two DataNodes, ResourceManager, two NodeManagers, a broker
    make cluster-down

    with Cluster(folder) as cluster:     # for tests: ended with the block, and with the process whatever ends that
        cluster.start("hdfs")
        cluster.hdfs                     # hdfs://127.0.0.1:23456
        cluster.kill("datanode-1")

It listens at the loopback address alone, at ports that are free, and keeps all it writes in its folder.
"""

from cluster.cluster import Cluster
from cluster.daemon import Failed
from cluster.jars import Missing, jars

__all__ = ["Cluster", "Failed", "Missing", "jars"]
