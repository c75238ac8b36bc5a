from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake, open_store


@pytest.mark.parametrize(("url", "root", "spark"), [
    ("/data/lake", "/data/lake", "file:///data/lake/clean/x"),
    ("file:///data/a b/é", "/data/a b/é", "file:///data/a b/é/clean/x"),
    ("s3://bucket/lake/", "s3://bucket/lake", "s3a://bucket/lake/clean/x"),
    ("s3a://bucket", "s3://bucket", "s3a://bucket/clean/x"),
    ("hdfs://nn:8020/lake", "hdfs://nn:8020/lake", "hdfs://nn:8020/lake/clean/x"),
])
def test_a_lake_url_selects_the_store_and_sparks_url(url: str, root: str, spark: str) -> None:
    store = open_store(url)
    assert store.root == root
    assert store.url("clean/x") == spark
    assert pickle.loads(pickle.dumps(store)) == store


def test_a_relative_directory_is_made_absolute_because_executors_run_elsewhere() -> None:
    assert Lake("lake").url == os.path.join(os.getcwd(), "lake")
    assert Lake(Path("lake")) == Lake(f"file://{os.getcwd()}/lake")


@pytest.mark.parametrize(("url", "message"), [
    ("", "is empty"), ("gs://bucket/x", "gs"), ("hdsf://nn/x", "Did you mean 'hdfs'"),
    ("file://host/data", "names the host 'host'"), ("/data/[x]", "pattern"), ("s3://b/*", "pattern"),
    ("/data/../x", "'..'"), ("/data/a\nb", "control"),
])
def test_a_url_that_is_not_a_lake_is_refused(url: str, message: str) -> None:
    with pytest.raises(LakeError, match=message.replace("*", r"\*")):
        open_store(url)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(LakeError) as caught:
        open_store("s3://key:geheim@bucket/lake")
    assert "geheim" not in str(caught.value)
    assert "AWS_ACCESS_KEY_ID" in str(caught.value)
