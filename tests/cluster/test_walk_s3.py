"""A whole workload in a bucket, on a real server that fails now and then, leaves what it leaves on a local disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..lake.s3_server import BUCKET, Flaky, s3_server
from .walk import Walk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LAKE = f"s3://{BUCKET}/a lake"


def run(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "laketrain", "run", str(config), "--lake", LAKE, *words],
                          capture_output=True, text=True, check=False)


def test_a_run_in_a_bucket_makes_the_same_data_and_model_as_in_a_local_lake(
        walked: Walk, with_connectors: list[str]) -> None:
    with s3_server(flaky=(flaky := Flaky(every=100))):
        first = run(walked.config, "--set", f"spark.conf={{spark.jars: '{','.join(with_connectors)}'}}")
        assert first.returncode == 0, first.stdout + first.stderr
        assert walked.on(LAKE).left == walked.left
        again = run(walked.config)
        assert again.returncode == 0 and "nothing changed" in again.stdout, again.stdout + again.stderr
    assert {500, 503} <= set(flaky.statuses)
