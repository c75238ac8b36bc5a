"""Each release of Spark has the connectors that were built for it."""

from __future__ import annotations

import pyspark
import pytest

from laketrain.spark.connectors import RELEASES, connectors_of, installed_connectors


@pytest.mark.parametrize(("version", "kafka", "s3", "delta"), [
    ("3.5.0", "sql-kafka-0-10_2.12:3.5.1", "hadoop-aws:3.3.4", "delta-spark_2.12:3.2.1"),
    ("3.5.3-amzn-0", "sql-kafka-0-10_2.12:3.5.1", "hadoop-aws:3.3.4", "delta-spark_2.12:3.2.1"),
    ("4.0.5", "sql-kafka-0-10_2.13:4.0.0", "hadoop-aws:3.4.1", "delta-spark_2.13:4.0.0"),
    ("4.2.1", "sql-kafka-0-10_2.13:4.2.0", "hadoop-aws:3.5.0", "delta-spark_4.2_2.13:4.4.0"),
])
def test_a_version_of_spark_has_connectors_of_its_release(version: str, kafka: str, s3: str, delta: str) -> None:
    connectors = connectors_of(version)
    assert (connectors.kafka, connectors.s3, connectors.delta) == (
        f"org.apache.spark:spark-{kafka}", f"org.apache.hadoop:{s3}", f"io.delta:{delta}")


def test_an_unknown_release_has_the_newest_connectors() -> None:
    assert connectors_of("5.0.0") == connectors_of("unknown") == RELEASES["4.2"]


def test_the_installed_release_is_known() -> None:
    assert installed_connectors().release == ".".join(pyspark.__version__.split(".")[:2])


def test_a_release_without_an_iceberg_connector_has_none() -> None:
    assert connectors_of("4.2.0").iceberg is None
    assert connectors_of("4.0.1").iceberg == "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0"
