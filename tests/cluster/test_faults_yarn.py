"""Executors, nodes and drivers killed under a job on YARN, tasks that fail, others that run twice: the job, or the same
command again, ends with the same data and model as an undisturbed run.

    make soak ARGS='tests/cluster/test_faults_yarn.py'

`make test` loses an executor of a small cluster on this machine, in tests/distributed/test_cluster.py.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.submit import options

from .conftest import Begin
from .containers import DRIVER, EXECUTOR, LAUNCHER, NODES, kill_container, lose_node, node_of, processes, running, until
from .walk import Walk

pytestmark = [pytest.mark.soak, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
CODE = '''
"""Shipped with the job: training that pauses after its epochs, a task that fails once, another that waits."""

import time
from pathlib import Path

FOLDER, PATIENCE_S = Path({folder!r}), 240


def once(name):
    try:
        (FOLDER / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def until(name):
    end = time.monotonic() + PATIENCE_S
    while not (FOLDER / name).exists() and time.monotonic() < end:
        time.sleep(0.02)


def stumble(frame):
    """Of the tasks, the first fails; another waits until a second copy of it is at work."""
    def each(batches):
        from pyspark import TaskContext
        mine = f"slow-{{TaskContext.get().partitionId()}}"
        if once("failed"):
            raise RuntimeError("this attempt fails")
        if once("slow"):
            (FOLDER / mine).touch()
            until("copied")
        elif (FOLDER / mine).exists():
            (FOLDER / "copied").touch()
        yield from batches
    return frame.mapInArrow(each, frame.schema)


def pauses():
    import keras

    class Pauses(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            (FOLDER / f"ended-{{epoch}}").touch()
            until(f"go-{{epoch}}")

    return Pauses()
'''
FUNCTION = '      - function: {call: "paced:stumble"}\n'
RANGE = "      - range: {column: pixels, min: 0, max: 255}\n"
SPECULATION = {"spark.speculation": "true", "spark.speculation.interval": "100ms",
               "spark.speculation.task.duration.threshold": "2s"}


@dataclass(frozen=True)
class Paced:
    """The walk's workload with `paced.py` in it: config, code, and the folder of signs between job and test."""

    config: Path
    code: Path
    signs: Path

    def ended(self, epoch: int) -> bool:
        """Whether the chief waits at the end of the epoch, for the first time or again."""
        return (self.signs / f"ended-{epoch}").exists()

    def go(self, epoch: int) -> None:
        (self.signs / f"go-{epoch}").touch()


@pytest.fixture
def paced(walked: Walk, tmp_path: Path) -> Paced:
    result = Paced(tmp_path / "small.yaml", tmp_path / "paced.py", tmp_path / "signs")
    result.signs.mkdir()
    result.code.write_text(CODE.format(folder=str(result.signs)))
    text = walked.config.read_text("utf-8").replace(RANGE, RANGE + FUNCTION)
    result.config.write_text(text.replace("  seed: 3\n", '  seed: 3\n  callbacks: ["paced:pauses"]\n'), "utf-8")
    return result


def drafts(walk: Walk, table: str) -> bool:
    """Whether a stage is at work on the table."""
    return bool(walk.lake.store.list(f"{table}/_drafts"))


def test_a_failed_task_a_second_copy_two_dead_executors_and_a_lost_node_change_nothing(
        walked: Walk, paced: Paced, begin: Begin, yarn: Cluster, url: str) -> None:
    walk = walked.on(url)
    job = begin("client", paced.config, "--lake", url, "--set", "train.max_restarts=4",
                more=["--py-files", str(paced.code), *options(SPECULATION)])
    until(lambda: drafts(walk, "features/small"), job)
    os.kill(processes(yarn, EXECUTOR)[0], signal.SIGKILL)
    until(lambda: paced.ended(0), job)
    os.kill(processes(yarn, EXECUTOR)[0], signal.SIGKILL)
    paced.go(0)
    until(lambda: paced.ended(1), job)
    [launcher] = processes(yarn, LAUNCHER)
    [node] = set(NODES) - {node_of(launcher)}
    lose_node(yarn, node)
    yarn.launch(node)
    paced.go(1)
    out, err = job.communicate()
    assert job.returncode == 0, out + err[-4000:]
    assert {path.name for path in paced.signs.iterdir()} >= {"failed", "slow", "copied"}
    assert out.count("relaunch ") >= 2, out
    assert walk.left == walked.left


def test_a_driver_killed_in_each_stage_and_mode_ends_with_the_same_model_by_the_same_command(
        walked: Walk, paced: Paced, begin: Begin, yarn: Cluster, url: str) -> None:
    """YARN's second attempt replaces a driver in a container, and after it the operator's next command does; for a
    driver in client mode, that command does, once no container remains."""
    walk = walked.on(url)
    paced.config.write_text(paced.config.read_text("utf-8").replace(FUNCTION, ""), "utf-8")
    arguments = paced.config, "--lake", url
    more = ["--py-files", str(paced.code), *options({"spark.yarn.maxAppAttempts": "2"})]
    job = begin("cluster", *arguments, more=more)
    for table in ("clean/scans", "features/small"):
        until(lambda table=table: drafts(walk, table), job)  # type: ignore[misc]
        kill_driver(yarn)
    out, err = job.communicate()
    assert job.returncode == 1, out + err
    assert walk.lake.table("features", "small").versions() == []
    job = begin("client", *arguments, more=more)
    until(lambda: paced.ended(0), job)
    job.kill()
    job.communicate()
    yarn.wait("the end of its containers", lambda: not running(yarn))
    paced.go(0)
    job = begin("cluster", *arguments, more=more)
    until(lambda: paced.ended(1), job)
    kill_driver(yarn)
    paced.go(1)
    out, err = job.communicate()
    assert job.returncode == 0, err[-4000:]
    assert walk.left == walked.left


def kill_driver(yarn: Cluster) -> None:
    [driver] = processes(yarn, DRIVER)
    kill_container(yarn, driver)
