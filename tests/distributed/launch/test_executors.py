"""Ranks on separate executors (JVMs) connect over the network, and the error of a lost executor has its rank."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark
import pytest

LIB = Path(__file__).resolve().parents[3] / "lib"

DRIVER = """
import json, os, time
from pathlib import Path
from pyspark.sql import SparkSession
from laketrain.distributed import launch
from laketrain.errors import LaketrainError

spark = (SparkSession.builder.master("local-cluster[2,1,700]").config("spark.executor.memory", "600m")
         .config("spark.executor.extraJavaOptions", os.environ["SPARK_SUBMIT_OPTS"])
         .config("spark.ui.enabled", "false").config("spark.local.dir", "spark").getOrCreate())

def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

def meet(world, report):
    return [world.sum(1), os.environ.get("HOROVOD_HOSTNAME", "h0"), parent(os.getppid())]

def wait(world, report):
    report({"executor": parent(os.getppid()), "step": 5})
    world.barrier()
    if world.rank == 1:
        time.sleep(600)
    world.barrier()

def kill(rank, event):
    if rank == 1:
        time.sleep(1)
        os.kill(event["executor"], 9)

def attempt(*arguments, **options):
    try:
        return launch(spark, *arguments, deadline=200, **options)
    except LaketrainError as error:
        return {"type": type(error).__name__, "text": str(error), "rank": getattr(error, "rank", None)}

print(json.dumps([attempt(meet, 2), attempt(wait, 2, on_event=kill), attempt(meet, 2), attempt(meet, 3),
                  attempt(wait, 2, on_event=kill, backend="tensorflow"), attempt(meet, 2, backend="tensorflow")]))
spark.stop()
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The results of six launches by one driver on a small real cluster."""
    environment = {**os.environ, "PYTHONPATH": str(LIB), "PYSPARK_PYTHON": sys.executable,
                   "SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_SCALA_VERSION": "2.13"}
    finished = subprocess.run([sys.executable, "-c", DRIVER], cwd=tmp_path_factory.mktemp("cluster"), env=environment,
                              capture_output=True, text=True, timeout=280)
    lines = finished.stdout.strip().splitlines()
    assert lines, finished.stderr[-2000:]
    results: list[Any] = json.loads(lines[-1])
    return results


@pytest.mark.slow
def test_ranks_of_two_executors_connect(outcomes: list[Any]) -> None:
    zero, one = outcomes[0]
    assert zero[:2] == one[:2] == [2, "h0"]
    assert zero[2] != one[2], "both ranks ran in one executor"


@pytest.mark.slow
@pytest.mark.parametrize(("lost", "after"), [(1, 2), (4, 5)], ids=["auto", "tensorflow"])
def test_the_error_of_a_lost_executor_has_its_rank_and_the_next_launch_works(outcomes: list[Any], lost: int, after: int
                                                                             ) -> None:
    assert outcomes[lost]["type"] == "RankError", outcomes[lost]
    assert outcomes[lost]["rank"] == 1
    assert "rank 1 of 2, step 5: its process died" in outcomes[lost]["text"]
    assert [result[0] for result in outcomes[after]] == [2, 2]


@pytest.mark.slow
def test_more_ranks_than_executors_hold_are_refused(outcomes: list[Any]) -> None:
    assert outcomes[3]["type"] == "LaunchError"
    assert "3 ranks: Spark (local-cluster[2,1,700]) has 2 slots. Next: ask for at most 2 ranks" in outcomes[3]["text"]
