"""A schedule's runs, one a day, with new data every day and on most days something killed, full or done twice: nothing
is lost, nothing grows.

    make soak ARGS='tests/cluster/test_soak.py -s'      # LAKETRAIN_DAYS, by default 10

What each day took is printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from cluster import Cluster
from laketrain.lake import Lake, appends

from ..small import Small, write
from ..tables import rows_of
from .commands import begin, end_all
from .walk import Walk, build_walk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.soak, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(5400)]
DAYS = int(os.environ.get("LAKETRAIN_DAYS", "10"))
SEED = int(os.environ.get("LAKETRAIN_SEED", "0"))
ROWS, BAD = 30, 3
TRIES = 4
"""How often a schedule starts a run that failed."""
KEPT = 2
"""Versions of each table that `retain` keeps."""


@dataclass
class Soak:
    """The workload, the daemons under it, and what came of the days so far."""

    walk: Walk
    cluster: Cluster
    luck: random.Random
    days: list[Day] = field(default_factory=list)

    def deliver(self, day: int) -> None:
        """The files of one day: scans of which some are bad, and a label for each, and for an id without a scan."""
        names = [f"d{day:03}n{number}" for number in range(ROWS)]
        write(self.walk.small.landing / "scans" / f"{day:03}.csv",
              [{"id": name, "pixels": f"{n} {day} {n} {256 if n < BAD else 255}"} for n, name in enumerate(names)])
        write(self.walk.small.landing / "labels" / f"{day:03}.csv",
              [{"id": name, "label": str(n % 3)} for n, name in enumerate([*names, f"d{day:03}none"])])

    def start(self) -> subprocess.Popen[str]:
        self.temporary.mkdir(exist_ok=True)
        return begin(self.walk.config, "run", "--lake", self.walk.lake.url, environ={"TMPDIR": str(self.temporary)})

    @property
    def temporary(self) -> Path:
        """Where Python's processes put what they need for a while."""
        return self.walk.config.parent / "temporary"

    def temporary_files(self) -> int:
        """The number of files and folders in it."""
        return sum(1 for _ in self.temporary.rglob("*"))

    @property
    def folder(self) -> str:
        """The lake's path on HDFS."""
        return "/" + self.walk.lake.url.split("/", 3)[3]

    def files(self) -> int:
        """Files and folders that HDFS holds of the lake but `raw`, where data is kept for ever."""
        from hdfs_native import Client

        client = Client(self.cluster.hdfs)
        every, raw = (client.get_content_summary(path) for path in (self.folder, f"{self.folder}/raw"))
        return int(every.file_count + every.directory_count - raw.file_count - raw.directory_count)


@dataclass(frozen=True)
class Day:
    """One day's run: the fault, how often it was started, and of the last start the seconds, the most memory and the
    most handles of all its processes together; then HDFS' files after `gc`."""

    fault: str
    tries: int
    seconds: float
    memory_mb: float
    handles: int
    files: int


# ---- faults: each receives the soak and a run that has just started


Fault = Callable[[Soak, "subprocess.Popen[str]"], None]


def nothing(soak: Soak, run: subprocess.Popen[str]) -> None:
    """An undisturbed day."""


def driver_killed(soak: Soak, run: subprocess.Popen[str]) -> None:
    _wait(soak, run)
    run.kill()


def worker_killed(soak: Soak, run: subprocess.Popen[str]) -> None:
    """A Python worker of Spark's: a task's, or a rank."""
    _wait(soak, run)
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = [child.pid for child in psutil.Process(run.pid).children(recursive=True)
                   if "pyspark.daemon" in " ".join(child.cmdline())]
        if workers:
            os.kill(soak.luck.choice(workers), signal.SIGKILL)


def datanode_lost(soak: Soak, run: subprocess.Popen[str]) -> None:
    _restarted(soak, run, soak.luck.choice(["datanode-1", "datanode-2"]))


def namenode_restarted(soak: Soak, run: subprocess.Popen[str]) -> None:
    _restarted(soak, run, "namenode")


def _restarted(soak: Soak, run: subprocess.Popen[str], name: str) -> None:
    _wait(soak, run)
    soak.cluster.kill(name)
    time.sleep(2)
    soak.cluster.launch(name)


def disk_full(soak: Soak, run: subprocess.Popen[str]) -> None:
    """No room for another file from some instant of the run to its end."""
    _wait(soak, run)
    soak.cluster.admin("-setQuota", "1", soak.folder)
    run.wait()
    soak.cluster.admin("-clrQuota", soak.folder)


def done_twice(soak: Soak, run: subprocess.Popen[str]) -> None:
    other = soak.start()
    output = other.communicate()[0]
    assert other.returncode == 0, output


FAULTS: tuple[Fault, ...] = (driver_killed, worker_killed, datanode_lost, namenode_restarted, disk_full, done_twice)


def _wait(soak: Soak, run: subprocess.Popen[str]) -> None:
    """Some seconds, within the time that a run takes."""
    seconds = soak.luck.uniform(1, median(day.seconds for day in soak.days) if soak.days else 20)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(seconds)


def one_day(soak: Soak, fault: Fault) -> Day:
    """Delivers the data and starts the run as often as a schedule would."""
    soak.deliver(len(soak.days))
    output = ""
    for attempt in range(1, TRIES + 1):
        started, run = time.monotonic(), soak.start()
        if attempt == 1:
            fault(soak, run)
        memory, handles = _watched(run)
        output = run.communicate()[0]
        if run.returncode == 0:
            seconds = time.monotonic() - started
            gc = begin(None, "gc", "--lake", soak.walk.lake.url)
            assert gc.wait() == 0, gc.communicate()[0]
            return Day(fault.__name__.replace("_", " "), attempt, seconds, memory / 2**20, handles, soak.files())
        assert "Traceback" not in output, output
    pytest.fail(f"{fault.__name__}: failed {TRIES} times\n{output}")


def _watched(run: subprocess.Popen[str]) -> tuple[int, int]:
    """The most bytes of memory and the most open files that the run and what it starts had together."""
    memory = handles = 0
    while run.poll() is None:
        result = [_cost(process) for process in _tree(run.pid)]
        memory = max(memory, sum(used for used, _ in result))
        handles = max(handles, sum(opened for _, opened in result))
        time.sleep(0.5)
    return memory, handles


def _tree(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _cost(process: psutil.Process) -> tuple[int, int]:
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss, process.num_fds()
    return 0, 0


@pytest.fixture
def soak(whole: Cluster, url: str, tmp_path: Path) -> Iterator[Soak]:
    walk = build_walk(tmp_path)
    for file in walk.small.landing.rglob("*.csv"):
        file.unlink()
    text = walk.config.read_text("utf-8").replace("${day}", "*").replace(
        "options: {header: true}}", "options: {header: true}, incremental: true}")
    walk.config.write_text(f"{text}retain: {{versions: {KEPT}}}\n", "utf-8")
    yield Soak(walk.on(url), whole, random.Random(SEED))
    end_all()


def test_a_schedule_continues_through_faults_without_loss_or_growth(
        soak: Soak, spark: SparkSession, tmp_path: Path) -> None:
    faults = [FAULTS[index % len(FAULTS)] for index in range(DAYS)]
    soak.luck.shuffle(faults)
    print()
    for number in range(DAYS):
        fault = nothing if number % 4 in (0, 3) else faults[number]
        before = soak.temporary_files()
        soak.days.append(one_day(soak, fault))
        print(f"day {number + 1:2}", soak.days[-1], flush=True)
        assert_all_rows_are_there(soak.walk.lake, number + 1)
        assert fault is not nothing or soak.temporary_files() == before  # whoever is killed can't clear up

    undisturbed = Walk(Small(soak.walk.config, Lake(str(tmp_path / "undisturbed"))))
    undisturbed.run(spark)
    assert data_of(soak.walk) == data_of(undisturbed)
    assert_nothing_grew([day for day in soak.days if day.fault == "nothing"])


def data_of(walk: Walk) -> dict[str, Any]:
    """What the walk left, without the numbers of versions, of which a day is one."""
    data = walk.left
    data["predictions/scans"] = [re.sub(r"@\d+", "@", row) for row in data["predictions/scans"]]
    return data


def assert_all_rows_are_there(lake: Lake, days: int) -> None:
    """Rows delivered = rows landed = rows clean + rows in quarantine, each once."""
    every = {f"d{day:03}n{number}" for day in range(days) for number in range(ROWS)}
    raw, clean, quarantine = (lake.table(zone, "scans").latest() for zone in ("raw", "clean", "quarantine"))
    assert raw is not None and clean is not None and quarantine is not None
    assert sum(version.entry.counts["files"] for version in appends(raw)) == days
    assert clean.entry.counts["in"] == len(every) == clean.entry.counts["out"] + quarantine.rows
    good = [row["id"] for row in rows_of(clean)]
    bad = [json.loads(row["record"])["id"] for row in rows_of(quarantine)]
    assert sorted(good + bad) == sorted(every)
    assert len(bad) == days * BAD


def assert_nothing_grew(days: list[Day]) -> None:
    """All undisturbed days held as many files, from the day on which `retain` first let go of something, and no day's
    processes twice the memory or handles of another. Seconds are only printed."""
    settled = [day.files for day in days[KEPT:]]
    assert not settled or max(settled) == min(settled), settled
    for name in ("memory_mb", "handles"):
        values = [getattr(day, name) for day in days]
        assert max(values) < 2 * min(values), values
    half = len(days) // 2
    if half:
        first, second = (median(day.seconds for day in part) for part in (days[:half], days[-half:]))
        print(f"undisturbed days: {first:.1f} s in the first half, {second:.1f} s in the second")
