"""Relative paths of a workload are relative to its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.workload import Workload
from laketrain.workload.paths import absolute, is_url, with_absolute_paths


@pytest.mark.parametrize(("path", "expected"), [
    ("lake", "/conf/lake"), ("../lake", "/lake"), ("/data/lake", "/data/lake"), ("s3://bucket/lake", "s3://bucket/lake"),
])
def test_paths_are_absolute_and_urls_are_unchanged(path: str, expected: str) -> None:
    assert absolute(path, Path("/conf")) == expected


def test_a_url_names_its_storage() -> None:
    assert is_url("hdfs://namenode/lake") and not is_url("/data/lake")


def test_lake_sources_and_tensorboard_become_absolute() -> None:
    workload = Workload.model_validate({
        "name": "small", "lake": "lake", "track": {"tensorboard": {"folder": "board"}},
        "sources": {"scans": {"format": "csv", "path": "in/*.csv", "schema": {"id": "string"}}}})
    result = with_absolute_paths(workload, Path("/conf"))
    assert result.lake == "/conf/lake"
    assert result.sources["scans"].file_path == "/conf/in/*.csv"
    assert result.track is not None and result.track.tensorboard is not None
    assert result.track.tensorboard.folder == "/conf/board"
