"""The Spark session: the running one where there is one, else a new one with settings that suit us.

    spark = session(workload.spark, "mnist")

Under spark-submit the submit's master and settings win. Executors run the interpreter that runs the driver, unless
PYSPARK_PYTHON says otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.config.spark import Spark as SparkSettings
from laketrain.errors import LaunchError
from laketrain.spark.frames import ALIKE
from laketrain.spark.java import find_java
from laketrain.spark.s3 import s3_settings
from laketrain.spark.zone import OPTION

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DEFAULTS: Mapping[str, str] = {
    **ALIKE,
    "spark.sql.shuffle.partitions": "64",
    # A warm worker keeps TensorFlow imported: the second launch of ranks takes seconds less.
    "spark.python.worker.reuse": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.pythonUDF.arrow.enabled": "true",
    "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "2",
    # A NameNode that restarts is waited for, a minute; by default the first task that needs it fails.
    "spark.hadoop.dfs.client.retry.policy.enabled": "true",
    "spark.hadoop.dfs.client.retry.policy.spec": "2000,30",
    # _SUCCESS files mean nothing in the lake: the log entry is the commit.
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}

_LOCAL: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "4",
    "spark.python.daemon.module": "laketrain.spark.daemon",
    # Reading a small table should not make many small files of it.
    "spark.sql.files.openCostInBytes": "1048576",
}

_JAVA = tuple(f"spark.{which}.defaultJavaOptions" for which in ("driver", "executor"))
"""A driver's that runs already is for stages to have in UTC while they work."""


def session(settings: SparkSettings, name: str) -> SparkSession:
    """The active session, or one made from `settings`. Raises LaunchError where Java is missing or won't start."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None and active.sparkContext._jsc is not None:
        return active
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        _ensure_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(f"laketrain {name}")
    told = _told_by_submit() if submitted else {}
    for key, value in _settings(settings, submitted, told).items():
        if key not in told or key in _JAVA:
            builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        raise LaunchError("spark", f"session for {settings.master or 'the default master'}",
                          f"could not be started: {_first_line(error)}", "run 'laketrain doctor'") from error
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _settings(settings: SparkSettings, submitted: bool, told: Mapping[str, str]) -> dict[str, str]:
    own = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in settings.conf.items()}
    defaults = {**_DEFAULTS, **s3_settings(os.environ, told)}
    # Before the user's own of extraJavaOptions, wherever those are set.
    java = {key: f"{told.get(key, own.get(key, ''))} {OPTION}".strip() for key in _JAVA}
    if submitted:
        return {**defaults, **own, **java}
    master = settings.master or "local[*]"
    local = {**_LOCAL, "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_quiet_log()}"}
    return {**defaults, **(local if master.startswith("local") else {}), "spark.master": master, **own, **java}


def _told_by_submit() -> dict[str, str]:
    """spark-submit's settings, which a builder's would replace."""
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    return dict(SparkConf().getAll())


def _quiet_log() -> str:
    """Our log4j settings as a URL, in which no space is left for Java's options to be split at."""
    return Path(__file__).with_name("log4j2.properties").as_uri()


def _ensure_java() -> None:
    java = find_java()
    if java is None:
        raise LaunchError("spark", "Java", "none was found; Spark 4 needs Java 17 or 21",
                          "install openjdk-17-jdk-headless, or set JAVA_HOME")
    os.environ["JAVA_HOME"] = str(java.path)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
