"""What a Spark session needs for a lake in S3, from the same environment as the Python side.

    s3_settings(os.environ)      # for the session's builder
    check_s3(spark)              # before the first stage

Spark itself takes the endpoint and the keys from the driver's environment and hands them to its executors' JVMs. Their
Python workers, which read and write the lake too, get them from here; so does the JVM what Spark leaves out.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from laketrain.errors import LaunchError
from laketrain.spark.packages import way_to_package

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGE = "org.apache.hadoop:hadoop-aws:3.4.1"
"""Of the version of Hadoop that Spark 4.0 brings."""
_ENDPOINT, _REGIONS = "AWS_ENDPOINT_URL", ("AWS_REGION", "AWS_DEFAULT_REGION")
_CARRIED = (_ENDPOINT, *_REGIONS, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def s3_settings(environ: Mapping[str, str], told: Container[str] = ()) -> dict[str, str]:
    """Spark's settings for the buckets that `environ` leads to; none where it says nothing of S3.

    Args:
        told: the settings that spark-submit was given. What these take from a secret of Kubernetes' must not stand in
            the pods' open description as well.
    """
    settings = {f"spark.executorEnv.{name}": environ[name] for name in _CARRIED
                if environ.get(name) and f"spark.kubernetes.executor.secretKeyRef.{name}" not in told}
    if environ.get(_ENDPOINT):
        # Servers other than Amazon's have seldom a host name for each bucket.
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"
    region = next((environ[name] for name in _REGIONS if environ.get(name)), None)
    if region is not None:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = region
    return settings


def check_s3(spark: SparkSession) -> None:
    """Raises LaunchError where the session has no connector for S3."""
    jvm = spark._jvm
    assert jvm is not None
    # A name that Java doesn't know is, to Py4J, a package.
    if type(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem).__name__ == "JavaPackage":
        raise LaunchError("spark", "a lake in S3", "Spark has no connector for it", way_to_package(PACKAGE))
