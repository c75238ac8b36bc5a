"""Each benchmark as a user runs it. The rows are too few for meaningful figures: none is asserted.

Only `make soak` runs them; their computation and output have tests of their own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.__main__ import ROOT

KEYS = {
    "convert": {"vs_dict_to_spark_row", "vs_spark_copy"},
    "convert_jpeg": {"vs_dict_to_spark_row", "vs_spark_copy"},
    "clean_read": {"csv_vs_spark", "json_vs_spark"},
    "read": {"vs_petastorm_tf", "vs_pyarrow_scan"},
    "read_jpeg": {"vs_petastorm_tf", "vs_pyarrow_scan"},
    "train": {"vs_keras_in_memory", "waiting_share", "wide_vs_keras"},
    "launch": {"vs_horovod_spark_run"},
    "predict": {"vs_keras_predict"},
    "memory": {"peak_10x_over_1x"},
    "growth": {"clean", "convert", "epoch"},
}


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every process of a run imports TensorFlow: if its bytecode can't be written, these tests share a cache of it."""
    if not sys.dont_write_bytecode:
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KEYS)
def test_a_run_ends_with_its_ratios_and_leaves_nothing(name: str, bytecode: dict[str, str], tmp_path: Path):
    environ = {**os.environ, **bytecode, "TMPDIR": str(tmp_path), "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={tmp_path}"}
    result = subprocess.run([sys.executable, "-m", "benchmarks", name, "--rows", "600", "--pairs", "1"], cwd=ROOT,
                            env=environ, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    ratios = json.loads(result.stdout.splitlines()[-1])
    assert set(ratios) == KEYS[name]
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in ratios.values()), ratios
    assert f"{name}: " in result.stdout
    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[str]:
    """The files that are left there. Java removes its own a moment after its driver has ended."""
    for _ in range(100):
        if not any(folder.iterdir()):
            return []
        time.sleep(0.1)
    return sorted(path.name for path in folder.iterdir())
