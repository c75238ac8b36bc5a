"""HDFS failing under a run, for real: the run ends with the same data as an undisturbed one, or with a clear refusal
and nothing half seen, after which the same run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster import Cluster
from laketrain.errors import DataError, LakeError
from laketrain.lake import Lake, open_store

from ..small import Small, build_small
from ..tables import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]
GUEST = "somebody"


@pytest.fixture
def small(tmp_path: Path, url: str) -> Small:
    """The small workload, its lake on HDFS."""
    return Small(build_small(tmp_path).config, Lake(f"{url}/lake"))


def until(happens: Callable[[], Any], run: Future[Any]) -> None:
    """Returns when it has happened; raises the run's error where that ends before."""
    while not happens():
        if run.done():
            run.result()
            pytest.fail("the run ended before the fault")
        time.sleep(0.02)


def dataset(lake: Lake) -> tuple[dict[str, int], list[str]]:
    """The rows of each split, and all rows."""
    version = lake.table("features", "small").latest()
    assert version is not None
    return version.entry.counts["splits"], sorted(map(repr, rows_of(version)))


def drafts(lake: Lake, table: str) -> bool:
    """Whether a stage is at work on the table."""
    return bool(lake.store.list(f"{table}/_drafts"))


def test_a_namenode_restarted_and_a_datanode_lost_in_mid_run_change_nothing(
        spark: SparkSession, finished: Small, small: Small, whole: Cluster) -> None:
    with ThreadPoolExecutor() as pool:
        run = pool.submit(small.pipeline(spark).run)
        until(lambda: drafts(small.lake, "clean/scans"), run)
        whole.kill("namenode")
        whole.launch("namenode")
        whole.wait("HDFS", lambda: whole.files.ready(2))
        until(lambda: drafts(small.lake, "features/small"), run)
        whole.kill("datanode-1")
        whole.launch("datanode-3")
        run.result()
    assert dataset(small.lake) == dataset(finished.lake)
    whole.kill("datanode-3")


def test_safe_mode_is_named_and_nothing_is_half_seen(small: Small, whole: Cluster) -> None:
    whole.admin("-safemode", "enter")
    try:
        with pytest.raises(LakeError, match="the NameNode is in safe mode"):
            small.pipeline().run(last="ingest")
    finally:
        whole.admin("-safemode", "leave")
    assert small.lake.tables() == []
    assert {outcome.version.ref for outcome in small.pipeline().run(last="ingest").outcomes} == {
        "raw/scans@1", "raw/labels@1"}


def test_a_full_quota_is_named_and_the_same_run_continues_when_there_is_room(
        spark: SparkSession, finished: Small, small: Small, whole: Cluster) -> None:
    small.pipeline(spark).run(last="ingest")
    folder = "/" + small.lake.url.split("/", 3)[3]
    whole.admin("-setQuota", str(inodes(whole, folder) + 5), folder)
    try:
        with pytest.raises((LakeError, DataError), match="quota"):
            small.pipeline(spark).run()
    finally:
        whole.admin("-clrQuota", folder)
    assert [table.path for table in small.lake.tables() if table.zone not in ("raw", "runs")] == []
    small.pipeline(spark).run()
    assert dataset(small.lake) == dataset(finished.lake)


def inodes(cluster: Cluster, folder: str) -> int:
    from hdfs_native import Client

    result = Client(cluster.hdfs).get_content_summary(folder)
    return int(result.file_count + result.directory_count)


def test_a_zone_without_write_permission_is_named_with_the_user_and_the_access(small: Small, cluster: Cluster) -> None:
    from hdfs_native import Client

    client, folder = Client(cluster.hdfs), "/" + small.lake.url.split("/", 3)[3]
    for path, owner in ((folder, GUEST), (f"{folder}/raw", None)):
        client.mkdirs(path, create_parent=True)
        client.set_owner(path, owner)
    done = subprocess.run(
        [sys.executable, "-m", "laketrain", "ingest", str(small.config), "--lake", small.lake.url], text=True,
        capture_output=True, check=False, env={**os.environ, "HADOOP_USER_NAME": GUEST})
    assert done.returncode == 1
    assert f"Permission denied: user={GUEST}, access=WRITE" in done.stderr
    assert f"{folder}/raw" in done.stderr
    assert "Traceback" not in done.stderr
    assert small.lake.table("raw", "scans").versions() == []


def test_a_source_file_that_another_deletes_in_mid_run_is_named_and_nothing_is_committed(
        small: Small, url: str) -> None:
    from laketrain.ingest import ingest, plan_ingest

    landing = open_store(f"{url}/landing")
    landing.put(str(small.landing / "scans"), "scans")
    pipeline = small.pipeline(None, f"sources.scans.path='{url}/landing/scans/*.csv'")
    plan, key = plan_ingest("scans", pipeline.workload.sources["scans"])
    landing.delete("scans/two.csv")
    with pytest.raises(DataError, match=r"two\.csv: can't be read: .*does not exist") as caught:
        ingest(small.lake, "scans", plan, key)
    assert "\n" not in str(caught.value)
    assert small.lake.tables() == []
    assert pipeline.ingest()["scans"].entry.counts["files"] == 1
