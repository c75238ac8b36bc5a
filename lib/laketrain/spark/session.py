"""The Spark session: the active one, or a new one with laketrain's settings.

    spark = session(workload.spark, "mnist")

Under spark-submit its master and settings take precedence. Executors run the driver's interpreter unless PYSPARK_PYTHON
is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.config.spark import Spark as SparkSettings
from laketrain.errors import LaunchError
from laketrain.spark.frames import SESSION_CONF
from laketrain.spark.java import find_java
from laketrain.spark.s3 import s3_settings
from laketrain.spark.zone import OPTION

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DEFAULTS: Mapping[str, str] = {
    **SESSION_CONF,
    "spark.sql.shuffle.partitions": "64",
    # A reused worker has TensorFlow imported already, so the next launch of ranks is seconds faster.
    "spark.python.worker.reuse": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.pythonUDF.arrow.enabled": "true",
    "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "2",
    # Wait a minute for a restarting NameNode; by default the first task that needs it fails.
    "spark.hadoop.dfs.client.retry.policy.enabled": "true",
    "spark.hadoop.dfs.client.retry.policy.spec": "2000,30",
    # The lake needs no _SUCCESS files: the log entry is the commit.
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
    # Read a small table in few partitions, so that it isn't written as many small files.
    "spark.sql.files.openCostInBytes": "1048576",
}

_JAVA = tuple(f"spark.{which}.defaultJavaOptions" for which in ("driver", "executor"))
"""Set the zone of new JVMs. In a driver that already runs, stages set it while they work (`frames.configured`)."""


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
    submit_conf = _submit_conf() if submitted else {}
    for key, value in _settings(settings, submitted, submit_conf).items():
        if key not in submit_conf or key in _JAVA:
            builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        raise LaunchError("spark", f"session for {settings.master or 'the default master'}",
                          f"could not be started: {_first_line(error)}", "run 'laketrain doctor'") from error
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _settings(settings: SparkSettings, submitted: bool, submit_conf: Mapping[str, str]) -> dict[str, str]:
    conf = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in settings.conf.items()}
    defaults = {**_DEFAULTS, **s3_settings(os.environ, submit_conf)}
    # Java reads defaultJavaOptions before the user's extraJavaOptions, which therefore take precedence.
    java = {key: f"{submit_conf.get(key, conf.get(key, ''))} {OPTION}".strip() for key in _JAVA}
    if submitted:
        return {**defaults, **conf, **java}
    master = settings.master or "local[*]"
    local = {**_LOCAL, "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_quiet_log()}"}
    return {**defaults, **(local if master.startswith("local") else {}), "spark.master": master, **conf, **java}


def _submit_conf() -> dict[str, str]:
    """The settings passed to spark-submit. The builder's would override them."""
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    return dict(SparkConf().getAll())


def _quiet_log() -> str:
    """The URL of our log4j settings. Its spaces are escaped, because Java's options are split at spaces."""
    return Path(__file__).with_name("log4j2.properties").as_uri()


def _ensure_java() -> None:
    java = find_java()
    if java is None:
        raise LaunchError("spark", "Java", "none was found; Spark 4 needs Java 17 or 21",
                          "install openjdk-17-jdk-headless, or set JAVA_HOME")
    os.environ["JAVA_HOME"] = str(java.path)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
