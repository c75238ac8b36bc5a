"""One error has the rank, the position, the cause and the next step, whatever Spark's message is."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from laketrain.distributed.launch.diagnosis import failure_error, hang_error
from laketrain.distributed.launch.rank_states import RankRegistry
from laketrain.distributed.launch.worker import describe_error
from laketrain.errors import (
    ConfigError,
    DataError,
    GateError,
    LaketrainError,
    LaunchError,
    Problem,
    RankError,
)

CRASHED = ("Job aborted due to stage failure: Could not recover from a failed barrier ResultStage. Most recent failure "
           "reason: Stage failed because barrier task ResultTask(7, 1) finished unsuccessfully.\n"
           "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)\n\tat org.apache.spark.api.x")
LOST = ("Job aborted due to stage failure: Could not recover from a failed barrier ResultStage. Most recent failure "
        "reason: Stage failed because barrier task ResultTask(2, 1) finished unsuccessfully.\n"
        "ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Container killed by YARN "
        "for exceeding physical memory limits.")
IMPORT = ("Job aborted due to stage failure: … barrier task ResultTask(0, 1) finished unsuccessfully.\n"
          "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n  File \"worker.py\"\n"
          "ModuleNotFoundError: No module named 'laketrain'\n\n\tat org.apache.spark.api.python.X")


def registry_with(*messages: dict[str, Any]) -> RankRegistry:
    registry = RankRegistry(2)
    for message in messages:
        registry.handle(message)
    return registry


def fail(rank: int, error: BaseException) -> dict[str, Any]:
    return {"kind": "fail", "rank": rank, "failure": describe_error(error)}


def step(rank: int, number: int) -> dict[str, Any]:
    return {"kind": "heartbeat", "rank": rank, "sequence": 1, "progress": 1, "events": [{"epoch": 0, "step": number}]}


EXITED = {"kind": "log", "rank": 1, "lines": ["Check failed: x"], "exited": True}
HOROVOD = RuntimeError("HorovodAllreduce failed: [gloo/transport/tcp/pair.cc:589] Read error: Connection reset by peer")


@pytest.mark.parametrize(
    ("messages", "spark_message", "expected"),
    [
        ([step(1, 4), fail(1, ValueError("bad\nbatch"))], "",
         "[train] rank 1 of 2, epoch 0, step 4: ValueError: bad batch"),
        ([fail(1, ValueError())], CRASHED, "[train] rank 1 of 2: ValueError"),
        ([fail(0, HOROVOD), EXITED], "", "[train] rank 1 of 2: its process died"),
        ([fail(0, HOROVOD)], CRASHED, "[train] rank 1 of 2: its process died"),
        ([], LOST, "(ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Container "
                   "killed by YARN for exceeding physical memory limits.). Next: look for"),
        ([], IMPORT, "[train] rank 1 of 2: ModuleNotFoundError: No module named 'laketrain'. Next: install it"),
        ([fail(0, HOROVOD)], "", "[train] rank 0 of 2: RuntimeError: HorovodAllreduce failed"),
        ([], "Job 3 cancelled as part of cancellation of all jobs", "was ended: Job 3 cancelled"),
        ([], "", "was ended: Spark gave no reason"),
    ],
)
def test_the_error_is_the_first_cause(messages: list[dict[str, Any]], spark_message: str, expected: str) -> None:
    assert expected in str(failure_error(registry_with(*messages), "train", spark_message))


def test_the_subject_has_the_host_if_it_is_not_the_drivers() -> None:
    here = socket.gethostname()
    for host, subject in (("node7/10.0.0.7", "rank 1 of 2 on node7: "), (f"{here}/10.0.0.1", "rank 1 of 2: ")):
        registry = registry_with(fail(1, ValueError()))
        registry.states[1].host = host
        assert f"[train] {subject}ValueError" in str(failure_error(registry, "train", ""))


def test_the_error_has_the_last_lines() -> None:
    error = failure_error(registry_with(fail(0, HOROVOD), EXITED), "train", CRASHED)
    assert isinstance(error, RankError)
    assert (error.rank, error.log) == (1, "Check failed: x")


@pytest.mark.parametrize("raised", [DataError("train", "a", "b", "c"), GateError("evaluate", "a", "b"),
                                    LaunchError("x", "a", "b"), RankError("train", "a", "b", rank=0)])
def test_our_own_errors_keep_class_and_fields(raised: LaketrainError) -> None:
    error = failure_error(registry_with(fail(1, raised)), "train", "")
    assert type(error) is type(raised)
    assert error.args == raised.args
    assert isinstance(error.__cause__, RankError)
    assert error.__cause__.rank == 1


def test_our_own_error_with_other_fields_becomes_a_rank_error() -> None:
    error = failure_error(registry_with(fail(1, ConfigError("a.yaml", [Problem("x", "y")]))), "train", "")
    assert type(error) is RankError
    assert "ConfigError" in error.problem


@pytest.mark.parametrize(
    "failure",
    [{}, {"type": "__builtins__", "fields": []}, {"type": "nearest", "fields": ["a", "b", "c", "d"]},
     {"type": "LaketrainError", "fields": [1]}, {"type": 3, "message": 4, "trace": 5}],
)
def test_an_unexpected_failure_is_reported_and_never_executed(failure: dict[str, Any]) -> None:
    registry = registry_with({"kind": "fail", "rank": 1, "failure": failure})
    assert isinstance(failure_error(registry, "train", ""), RankError)


def test_a_hang_has_the_line_at_which_the_rank_is() -> None:
    registry = registry_with({**step(1, 9), "stack": ["load.py:3 in load: time.sleep(99)"]})
    registry.states[1].process = "p"
    error = hang_error(registry, registry.states[1], "train", 60)
    assert "rank 1 of 2, epoch 0, step 9: made no progress for 60 s; it is at load.py:3 in load" in str(error)
