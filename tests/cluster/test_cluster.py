"""A cluster that is started part by part."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cluster import Cluster, Failed
from cluster.ports import LOOPBACK

from ..skips import skipped_without

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]


def another_at(port: int) -> socket.socket:
    """A server that is not the cluster's."""
    return socket.create_server((LOOPBACK, port))


def test_a_part_that_fails_to_start_is_reported_with_its_log_and_the_others_keep_running(tmp_path: Path) -> None:
    with skipped_without("HDFS"):
        cluster = Cluster(tmp_path)
    with cluster:
        cluster.start("yarn")
        with another_at(cluster.files.rpc), pytest.raises(Failed, match="Address already in use"):
            cluster.start("hdfs")
        assert sorted(cluster.daemons) == ["nodemanager-1", "nodemanager-2", "resourcemanager"]
        assert cluster.yarn.ready(2)
        assert cluster.start("hdfs").files.ready(2)


def test_a_cluster_that_fails_to_start_leaves_only_its_logs(tmp_path: Path) -> None:
    with skipped_without("YARN"):
        cluster = Cluster(tmp_path)
    with another_at(cluster.yarn.ports["address"]), pytest.raises(Failed, match="Address already in use"):
        cluster.start("yarn")
    assert not cluster.daemons
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "logs"]
