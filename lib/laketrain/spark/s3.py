"""The Spark settings for a lake in S3, from the same environment variables as the Python side.

    s3_settings(os.environ)      # for the session's builder
    check_s3(spark)              # before the first stage

Spark passes the endpoint and the keys of the driver's environment to its executors' JVMs. These settings pass them to
the Python workers, which access the lake too, and pass the JVMs what Spark leaves out.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from laketrain.errors import LaunchError
from laketrain.spark.connectors import connectors_of
from laketrain.spark.packages import missing_package_hint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ENDPOINT, _REGIONS = "AWS_ENDPOINT_URL", ("AWS_REGION", "AWS_DEFAULT_REGION")
_VARIABLES = (_ENDPOINT, *_REGIONS, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def s3_settings(environ: Mapping[str, str], submit_conf: Container[str] = ()) -> dict[str, str]:
    """Spark's settings for S3 from `environ`; empty where it has no S3 variables.

    Args:
        submit_conf: the settings passed to spark-submit. A variable that these take from a Kubernetes secret is left
            out, so that the pods' description doesn't contain it in plain text.
    """
    settings = {f"spark.executorEnv.{name}": environ[name] for name in _VARIABLES
                if environ.get(name) and f"spark.kubernetes.executor.secretKeyRef.{name}" not in submit_conf}
    if environ.get(_ENDPOINT):
        # Servers other than Amazon's rarely have a host name for each bucket.
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"
    region = next((environ[name] for name in _REGIONS if environ.get(name)), None)
    if region is not None:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = region
    return settings


def check_s3(spark: SparkSession) -> None:
    """Raises LaunchError where the session has no connector for S3."""
    jvm = spark._jvm
    assert jvm is not None
    # Py4J returns a package for a class that Java doesn't have.
    if type(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem).__name__ == "JavaPackage":
        raise LaunchError("spark", "a lake in S3", "Spark has no connector for it",
                          missing_package_hint(connectors_of(spark.version).s3))
