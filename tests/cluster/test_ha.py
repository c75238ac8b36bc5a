"""Two NameNodes behind a name: the lake is found by HADOOP_CONF_DIR, and outlives the active one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.ha import SERVICE, HaHdfs

from ..skips import skipped_without

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.lake.writers import commit
from laketrain.lake import Lake
print(commit(Lake(sys.argv[2]).table("clean", "pixels")))
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of two NameNodes, the first one active."""
    with skipped_without("HDFS"):
        cluster = Cluster(tmp_path, files=HaHdfs)
    with cluster:
        cluster.start("hdfs")
        cluster.files.activate("namenode-1", cluster.run)
        yield cluster


def committed(lake: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A process that commits a version and prints its number."""
    return subprocess.run([sys.executable, "-c", PROGRAM, str(ROOT), lake], capture_output=True, text=True, check=False,
                          env={**os.environ, **environ})


def test_a_lake_behind_a_nameservice_outlives_its_active_namenode(pair: Cluster) -> None:
    lake, conf = f"hdfs://{SERVICE}/lake", {"HADOOP_CONF_DIR": str(pair.conf)}
    first = committed(lake, **conf)
    assert first.stdout.split() == ["1"], first.stderr
    pair.kill("namenode-1")
    pair.files.activate("namenode-2", pair.run)
    second = committed(lake, **conf)
    assert second.stdout.split() == ["2"], second.stderr


def test_a_nameservice_without_its_configuration_is_named_at_once() -> None:
    done = committed(f"hdfs://{SERVICE}/lake", HADOOP_CONF_DIR="")
    assert done.returncode != 0
    assert SERVICE in done.stderr
    assert "HADOOP_CONF_DIR" in done.stderr
