"""What all tests share: one Spark session on two cores, started by the first test that asks for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from .road import Road
    from .small import Small

LIB = Path(__file__).resolve().parents[1] / "lib"

# No example is judged by its time: a machine may be busy.
settings.register_profile("laketrain", deadline=None)
settings.load_profile("laketrain")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A `local[2]` session: loopback only, no UI, small shuffles, its files in a temporary directory."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    place = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .appName("laketrain tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(place / "warehouse"))
        .config("spark.local.dir", str(place / "local"))
        .config("spark.executorEnv.PYTHONPATH", str(LIB))
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
