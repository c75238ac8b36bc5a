"""The tests of this folder share one HDFS (the fixture `cluster` of all tests) and, on it, one YARN."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import Cluster
from cluster.submit import Installation, submission
from laketrain.lake import Lake

from .packaged import PackagedJob, pack_links, run_package
from .walk import Walk, build_walk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Submit = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]


def new_url(cluster: Cluster) -> str:
    return f"{cluster.hdfs}/{uuid.uuid4().hex}/ein See é"


@pytest.fixture
def url(cluster: Cluster) -> str:
    """An empty lake's URL on HDFS."""
    return new_url(cluster)


@pytest.fixture
def whole(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, and afterwards again all of its daemons, out of safe mode."""
    yield cluster
    for name in ("namenode", "datanode-1", "datanode-2"):
        if name not in cluster.daemons:
            cluster.launch(name)
    cluster.wait("HDFS", lambda: cluster.files.ready(2))


@pytest.fixture(scope="session")
def walked(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The workload, walked on this machine's disk in local mode. To be read, not changed."""
    walk = build_walk(tmp_path_factory.mktemp("walked"))
    walk.run(spark)
    return walk


@pytest.fixture(scope="session")
def yarn(cluster: Cluster) -> Cluster:
    """The cluster with YARN on it."""
    return cluster.start("yarn")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """This checkout and its environment, by links without a space in their paths."""
    folder, source = tmp_path_factory.mktemp("plain"), Installation.here()
    links = Installation(folder / "checkout", folder / "environment")
    links.checkout.symlink_to(source.checkout)
    links.environment.symlink_to(source.environment)
    return links


@pytest.fixture(scope="session", params=["links", pytest.param("files", marks=pytest.mark.soak)])
def packaged(request: pytest.FixtureRequest, walked: Walk, yarn: Cluster, plain: Installation,
             tmp_path_factory: pytest.TempPathFactory) -> PackagedJob:
    """The workload, run on YARN from its package; in `make soak`, from one whose environment is packed as files."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "links":
            pack_links(patch)
        return run_package(walked, yarn, plain, tmp_path_factory.mktemp("packaged"), new_url(yarn), patch)


@pytest.fixture
def begin(yarn: Cluster, plain: Installation) -> Iterator[Begin]:
    """Starts jobs/pipeline.py by `spark-submit --master yarn`. `more` are further words for spark-submit."""
    processes: list[subprocess.Popen[str]] = []

    def start(mode: str, config: Path, *arguments: str, more: Sequence[str] = ()) -> subprocess.Popen[str]:
        words, environ = submission(yarn.conf, plain, mode, config, *arguments, more=more)
        processes.append(subprocess.Popen(
            words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def submit(begin: Begin) -> Submit:
    """Runs a job to its end, as `begin` starts it."""

    def run(mode: str, config: Path, *arguments: str, more: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        process = begin(mode, config, *arguments, more=more)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


@pytest.fixture
def lake(url: str) -> Lake:
    return Lake(url)
