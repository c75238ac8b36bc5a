"""Spark's JVMs start from an archive of their classes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from cluster.class_archive import class_archive, from_archive
from cluster.submit import QUICK_JVM


def test_the_jvm_of_the_tests_maps_the_archive(spark: SparkSession) -> None:
    if QUICK_JVM not in os.environ["SPARK_SUBMIT_OPTS"]:
        pytest.skip("SPARK_SUBMIT_OPTS is the caller's")
    jvm: Any = spark._jvm
    process = jvm.java.lang.ProcessHandle.current().pid()
    assert str(class_archive()) in Path(f"/proc/{process}/maps").read_text("utf-8")
    assert from_archive(class_archive()) in os.environ["SPARK_SUBMIT_OPTS"]
