"""A whole workload on HDFS, in Spark's local mode: what it leaves is what it leaves on a local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laketrain.lake import open_store, verify

from .walk import Walk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]


def test_sources_and_lake_on_hdfs_make_the_same_tables_model_and_predictions_as_on_a_local_disk(
        spark: SparkSession, walked: Walk, url: str) -> None:
    landing, walk = f"{url}/landing", walked.on(f"{url}/lake")
    open_store(url).put(str(walked.small.landing), "landing")
    moved = (f"sources.scans.path='{landing}/scans/*.csv'", f"sources.labels.path='{landing}/labels/monday.csv'")
    walk.run(spark, *moved)
    assert walk.left == walked.left
    assert [flaw for table in walk.lake.tables() for number in table.versions() for flaw in verify(table.get(number))
            ] == []
    assert all(outcome.skipped for outcome in walk.run(spark, *moved))
