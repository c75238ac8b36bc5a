"""What all tests share: one Spark session on two cores, started by the first test that asks for it.

`make test` runs them in two processes, each with a session of its own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from cluster.class_archive import class_archive, from_archive
from cluster.jars import Missing, spark_jars
from cluster.submit import QUICK_JVM
from laketrain import petastorm_compat

from .workers import WORKERS_PATH

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from cluster import Cluster
    from laketrain.errors import Problem

    from .road import Road
    from .small import Small

CLUSTER = "tests/cluster/"

# Hundreds of processes import laketrain here, and each would compile it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests compare with Petastorm's own readers.
petastorm_compat.install()

# No example is judged by its time: a machine may be busy.
settings.register_profile("laketrain", deadline=None)
settings.load_profile("laketrain")


class Together(LoadScopeScheduling):
    """Gives tests that share something costly to one process: those of a file, and all those of `tests/cluster`."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return CLUSTER if file.startswith(CLUSTER) else file


def pytest_configure() -> None:
    """LAKETRAIN_TEST_BACKEND=tensorflow: launches of these tests that name no backend use that one."""
    name = os.environ.get("LAKETRAIN_TEST_BACKEND", "")
    if name:
        from laketrain.distributed.backend import BACKENDS

        preferred = {name: BACKENDS[name], **BACKENDS}
        BACKENDS.clear()
        BACKENDS.update(preferred)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """Makes Spark's JVMs start quickly, those of workers and commands included, which inherit the variable.

    They live for seconds or a few minutes here: without it loading classes and compiling is most of what they do.
    """
    if "SPARK_SUBMIT_OPTS" not in os.environ:
        os.environ["SPARK_SUBMIT_OPTS"] = QUICK_JVM
        # The tests run without an archive too; where it can't be made, its own test shows why.
        with contextlib.suppress(Missing, OSError, subprocess.SubprocessError):
            os.environ["SPARK_SUBMIT_OPTS"] = f"{QUICK_JVM} {from_archive(class_archive())}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long forms of shorter tests to `make soak`."""
    if "soak" in config.option.markexpr:
        return
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
    items[:] = [item for item in items if not item.get_closest_marker("soak")]


def connectors() -> list[str]:
    """The jars by which Spark reads databases, buckets, Kafka and Avro; none where they can't be had."""
    try:
        return [str(jar) for jar in spark_jars()]
    except Missing:
        return []


@pytest.fixture(scope="session")
def with_connectors() -> list[str]:
    """Those jars; skips where they can't be had."""
    result = connectors()
    if not result:
        pytest.skip("no connectors: Maven could not get them")
    return result


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A `local[2]` session: loopback only, no UI, small shuffles, its files in a temporary directory."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    folder = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .appName("laketrain tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.retainedJobs", "50")
        .config("spark.ui.retainedStages", "50")
        .config("spark.ui.retainedTasks", "500")
        .config("spark.sql.ui.retainedExecutions", "50")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.jars", ",".join(connectors()))
        .config("spark.executorEnv.PYTHONPATH", WORKERS_PATH)
        .config("spark.python.daemon.module", "laketrain.spark.daemon")
        .config("spark.hadoop.dfs.client.retry.policy.enabled", "true")
        .config("spark.hadoop.dfs.client.retry.policy.spec", "2000,30")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def road(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """The first 600 digits of the main road, run from the landing zone to the dataset. To be read, not changed."""
    from .road import build_road

    built = build_road(tmp_path_factory.mktemp("road"))
    built.pipeline(spark).run(last="convert")
    return built


@pytest.fixture(scope="session")
def finished(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A workload of sixty tiny images, run to its dataset. To be read, or copied by its `at`."""
    from .small import build_small

    home = build_small(tmp_path_factory.mktemp("a small one"))
    home.pipeline(spark).run()
    return home


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """HDFS with two DataNodes, real daemons of this session. Skips, with the reason, where it can't be had."""
    from cluster import Cluster

    from .skips import skipped_without

    with skipped_without("HDFS"):
        running = Cluster(tmp_path_factory.mktemp("cluster"))
    with running:
        yield running.start("hdfs")


@pytest.fixture(scope="session")
def digits() -> str:
    """The workload that the broken ones are made of."""
    return (Path(__file__).parent / "workload" / "digits.yaml").read_text("utf-8")


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[Problem]]:
    """What `Workload.load` reports of a text; an empty list where it takes it."""
    from laketrain.errors import ConfigError
    from laketrain.workload import Workload

    def load(text: str | bytes, sets: Sequence[str] = ()) -> list[Problem]:
        path = tmp_path / "digits.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            Workload.load(path, sets)
        except ConfigError as error:
            return list(error.problems)
        return []

    return load
