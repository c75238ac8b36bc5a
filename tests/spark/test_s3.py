"""What Spark needs for a lake in S3. A whole workload in a bucket is in tests/cluster/test_walk_s3.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laketrain.spark.s3 import s3_settings

from ..cluster.walk import build_walk
from ..lake.s3_server import BUCKET, s3_server


@pytest.mark.slow
def test_without_the_connector_the_error_names_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "laketrain", "run", str(build_walk(tmp_path).config), "--lake",
               f"s3://{BUCKET}/lake"]
    with s3_server():
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "[spark] a lake in S3: Spark has no connector for it" in process.stderr
    assert f"--packages org.apache.hadoop:hadoop-aws:{hadoop_version()}" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_connectors_package_has_the_version_of_sparks_hadoop() -> None:
    from laketrain.spark.connectors import installed_connectors

    assert hadoop_version() == installed_connectors().hadoop


def hadoop_version() -> str:
    """The version of the Hadoop that PySpark contains."""
    import pyspark

    [jar] = Path(pyspark.__file__).parent.glob("jars/hadoop-client-api-*.jar")
    return jar.stem.rpartition("-")[2]


def test_executors_get_the_drivers_s3_variables_and_nothing_else() -> None:
    environ = {"AWS_ENDPOINT_URL": "http://store:9000", "AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "hush", "AWS_PROFILE": "other", "HOME": os.sep}
    assert s3_settings(environ) == {
        "spark.executorEnv.AWS_ENDPOINT_URL": "http://store:9000", "spark.executorEnv.AWS_REGION": "eu-north-1",
        "spark.executorEnv.AWS_ACCESS_KEY_ID": "me", "spark.executorEnv.AWS_SECRET_ACCESS_KEY": "hush",
        "spark.hadoop.fs.s3a.path.style.access": "true", "spark.hadoop.fs.s3a.endpoint.region": "eu-north-1"}
    assert s3_settings({"AWS_DEFAULT_REGION": "eu-west-1"})["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert s3_settings({"HOME": os.sep}) == {}


def test_a_variable_from_a_kubernetes_secret_is_not_in_the_pods_description() -> None:
    submit_conf = {"spark.kubernetes.executor.secretKeyRef.AWS_SECRET_ACCESS_KEY"}
    settings = s3_settings({"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hush"}, submit_conf)
    assert settings == {"spark.executorEnv.AWS_ACCESS_KEY_ID": "me"}
