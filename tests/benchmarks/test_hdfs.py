"""HDFS against the local file system: the arithmetic, and a run as a user starts it, on too few rows for figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import ROOT
from benchmarks.hdfs import HDFS, LOCAL, compare, label
from tests.skips import skipped_without

from cluster import jars

FIGURES = {label("training", LOCAL): [100.0, 120.0, 80.0], label("training", HDFS): [90.0, 90.0, 70.0],
           label("feed alone", LOCAL): [1000.0, 500.0, 800.0], label("feed alone", HDFS): [400.0, 300.0, 400.0]}


def test_a_ratio_is_of_hdfs_to_the_local_file_system_by_rounds() -> None:
    result = compare(FIGURES, "a title")
    assert result.ratios == {"training_vs_local": 0.875, "feed_vs_local": 0.5}  # of 0.9, 0.75, 0.875; of 0.4, 0.6, 0.5
    verdicts = [line.cells()[4] for line in result.lines if line.key]
    assert verdicts == ["[green]met[/]", "[red]not met[/]"]


@pytest.mark.soak
@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_ends_with_both_ratios_and_leaves_nothing(tmp_path: Path) -> None:
    with skipped_without("HDFS"):
        jars("hadoop")
    result = subprocess.run([sys.executable, "-m", "benchmarks", "hdfs", "--rows", "600", "--pairs", "1"], cwd=ROOT,
                            env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": "tools"}, text=True,
                            capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    ratios = json.loads(result.stdout.splitlines()[-1])
    assert set(ratios) == {"training_vs_local", "feed_vs_local"}
    assert all(ratio > 0 for ratio in ratios.values())
    assert list(tmp_path.glob("laketrain-bench-*")) == []
