"""Wall times don't depend on the zone of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.config.spark import Spark
from laketrain.errors import LaunchError
from laketrain.spark.frames import ALIKE, arrow_batches, configured
from laketrain.spark.session import _settings
from laketrain.spark.zone import require_utc

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOTEBOOK = """
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from laketrain.spark.frames import ALIKE, configured

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
zone = F.expr("java_method('java.time.ZoneId', 'systemDefault')")

def told():
    [row] = spark.range(1).select(zone, F.expr("string(timestamp_seconds(0))")).collect()
    print(*row, sep=" ")

told()
with configured(spark, ALIKE):
    with configured(spark, ALIKE):
        told()
    told()
told()
"""


@pytest.mark.slow
def test_a_users_session_is_in_utc_while_a_stage_works_and_in_its_own_zone_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=False,
                          env={**os.environ, "TZ": "America/New_York"})
    assert done.returncode == 0, done.stderr
    theirs, ours = "America/New_York 1969-12-31 19:00:00", "UTC 1970-01-01 00:00:00"
    assert done.stdout.splitlines() == [theirs, ours, ours, theirs]


@pytest.mark.slow
def test_settings_without_a_zone_leave_it_alone(spark: SparkSession) -> None:
    assert spark._jvm is not None
    zones: Any = spark._jvm.java.util.TimeZone
    before = zones.getDefault()
    try:
        zones.setDefault(zones.getTimeZone("Asia/Kolkata"))
        with configured(spark, arrow_batches(8)):
            assert zones.getDefault().getID() == "Asia/Kolkata"
        with pytest.raises(RuntimeError), configured(spark, ALIKE):
            raise RuntimeError
        assert zones.getDefault().getID() == "Asia/Kolkata"
    finally:
        zones.setDefault(before)


@pytest.mark.parametrize("submitted", [False, True])
def test_sessions_of_ours_start_in_utc_beside_the_users_own_java_options(submitted: bool) -> None:
    own = {"spark.executor.extraJavaOptions": "-Xss4m", "spark.executor.defaultJavaOptions": "-Xss2m"}
    made = _settings(Spark.model_validate({"master": "yarn", "conf": own}), submitted, {})
    assert made["spark.driver.defaultJavaOptions"] == "-Duser.timezone=UTC"
    assert made["spark.executor.defaultJavaOptions"] == "-Xss2m -Duser.timezone=UTC"
    assert made["spark.executor.extraJavaOptions"] == "-Xss4m"


def test_under_spark_submit_its_own_options_of_executors_are_kept() -> None:
    made = _settings(Spark(), True, {"spark.executor.defaultJavaOptions": "-Xss1m"})
    assert made["spark.executor.defaultJavaOptions"] == "-Xss1m -Duser.timezone=UTC"


@pytest.mark.slow
def test_executors_in_another_zone_are_refused(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of local mode are the driver."""
    assert spark._jvm is not None
    zones: Any = spark._jvm.java.util.TimeZone
    before = zones.getDefault()
    try:
        zones.setDefault(zones.getTimeZone("America/New_York"))
        require_utc(spark, "ingest", "source 'orders'")
        monkeypatch.setattr(spark.sparkContext, "master", "spark://here:7077")
        with pytest.raises(LaunchError, match="zone America/New_York.*extraJavaOptions=-Duser.timezone=UTC"):
            require_utc(spark, "ingest", "source 'orders'")
        zones.setDefault(zones.getTimeZone("UTC"))
        require_utc(spark, "ingest", "source 'orders'")
    finally:
        zones.setDefault(before)
