"""Each test that takes `url`, `store` or `lake` runs on every storage that this machine has.

Local disks always; S3 on a moto server in this process; HDFS on daemons of the test session (`tools/cluster`), or
under the URL in LAKETRAIN_TEST_HDFS, which must be writable, e.g. hdfs://namenode:8020/tmp.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from laketrain.lake import Lake, Store, open_store

from .s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The URL of a bucket on a server that honours conditional writes."""
    with s3_server():
        yield f"s3://{BUCKET}"


@pytest.fixture(scope="session")
def hdfs(request: pytest.FixtureRequest) -> str:
    """The URL of a folder on HDFS."""
    named = os.environ.get("LAKETRAIN_TEST_HDFS")
    return named or f"{request.getfixturevalue('cluster').hdfs}/tests"


@pytest.fixture(params=["local", "s3", pytest.param("hdfs", marks=pytest.mark.cluster)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty lake's URL; spaces and non-ASCII are in it on purpose."""
    if request.param == "local":
        return str(tmp_path / "ein See é")
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/ein See é/{uuid.uuid4().hex}"
    return f"{request.getfixturevalue('hdfs')}/ein See é/{uuid.uuid4().hex}"


@pytest.fixture
def store(url: str) -> Store:
    return open_store(url)


@pytest.fixture
def lake(url: str) -> Lake:
    return Lake(url)


@pytest.fixture
def local_lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")
