"""No process outlives its parent, however the parent ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

LIB = Path(__file__).resolve().parents[3] / "lib"

# A parent that forks a child, as Spark's daemon does; the child ends with its parent and blocks in C.
PARENT = """
import ctypes, os, sys, time
from laketrain.distributed.launch.parent_watch import end_with_parent
if os.fork() == 0:
    with end_with_parent():
        print(os.getpid(), flush=True)
        {block}
time.sleep(600)
"""

DRIVER = """
import os, time
from pyspark.sql import SparkSession
from laketrain.distributed import launch

spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())

def task(world, report):
    report({"pid": os.getpid()})
    while True:
        if world.rank == 1:
            time.sleep(60)
        world.barrier()

launch(spark, task, 2, deadline=300, on_event=lambda rank, event: print("rank", rank, event["pid"], flush=True))
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(LIB), "PYSPARK_PYTHON": sys.executable}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, env=environment)


def ends(process: psutil.Process, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("block", "arguments"),
    [("time.sleep(600)", []), ("ctypes.PyDLL(None).sleep(600)  # holds Python's lock", ["pyspark.daemon"])],
    ids=["waiting in Python", "in a C call, under Spark's daemon"],
)
def test_a_watched_process_ends_with_its_parent(block: str, arguments: list[str]) -> None:
    parent = start(PARENT.replace("{block}", block), *arguments)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert not ends(child, 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ends(child, 20)


def test_the_watch_leaves_no_thread() -> None:
    code = ("import threading; from laketrain.distributed.launch.parent_watch import end_with_parent\n"
            "with end_with_parent(): print(threading.active_count())\nprint(threading.active_count())")
    process = start(code)
    assert process.communicate()[0] == "2\n1\n"


@pytest.mark.slow
def test_a_killed_driver_leaves_no_process(tmp_path: Path) -> None:
    driver = start(DRIVER)
    assert driver.stdout is not None
    ranks = {int(driver.stdout.readline().split()[2]) for _ in range(2)}
    family = psutil.Process(driver.pid).children(recursive=True)
    assert ranks <= {process.pid for process in family}
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    left = [process for process in family if not ends(process, 30)]
    assert not left, f"{left} outlived the driver"
