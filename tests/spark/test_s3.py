"""Spark on a lake in S3: the road's every stage, on a real server that fails now and then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laketrain.spark.s3 import s3_settings

from ..cluster.walk import build_walk
from ..lake.s3_server import BUCKET, Flaky, s3_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(config: Path, lake: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "laketrain", "run", str(config), "--lake", lake, *words],
                          capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_in_a_bucket_makes_the_same_data_and_model_as_in_a_local_lake(
        spark: SparkSession, with_connectors: list[str], tmp_path: Path) -> None:
    walk = build_walk(tmp_path / "a walk")
    walk.run(spark)
    remote = f"s3://{BUCKET}/a lake"
    with s3_server(flaky=(flaky := Flaky(every=40))):
        first = run(walk.config, remote, "--set", f"spark.conf={{spark.jars: '{','.join(with_connectors)}'}}")
        assert first.returncode == 0, first.stdout + first.stderr
        assert walk.on(remote).left == walk.left
        again = run(walk.config, remote)
        assert again.returncode == 0 and "nothing changed" in again.stdout, again.stdout + again.stderr
    assert {500, 503} <= set(flaky.statuses)


@pytest.mark.slow
def test_without_the_connector_the_error_names_the_package(tmp_path: Path) -> None:
    with s3_server():
        done = run(build_walk(tmp_path).config, f"s3://{BUCKET}/lake")
    assert done.returncode == 1
    assert "[spark] a lake in S3: Spark has no connector for it" in done.stderr
    assert "--packages org.apache.hadoop:hadoop-aws:3.4.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_connectors_package_has_the_version_of_sparks_hadoop() -> None:
    import pyspark

    from laketrain.spark.s3 import PACKAGE

    [jar] = Path(pyspark.__file__).parent.glob("jars/hadoop-client-api-*.jar")
    assert jar.stem.rpartition("-")[2] == PACKAGE.rpartition(":")[2]


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
