"""One error says which rank, where, why, and what next; whatever Spark said around it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from laketrain.distributed.book import RankBook
from laketrain.distributed.rank import describe
from laketrain.distributed.verdict import failed, hung
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


def book_with(*messages: dict[str, Any]) -> RankBook:
    book = RankBook(2)
    for message in messages:
        book.hear(message)
    return book


def fail(rank: int, error: BaseException) -> dict[str, Any]:
    return {"kind": "fail", "rank": rank, "failure": describe(error)}


def step(rank: int, number: int) -> dict[str, Any]:
    return {"kind": "beat", "rank": rank, "sequence": 1, "progress": 1, "events": [{"epoch": 0, "step": number}]}


GONE = {"kind": "log", "rank": 1, "lines": ["Check failed: x"], "gone": True}
HOROVOD = RuntimeError("HorovodAllreduce failed: [gloo/transport/tcp/pair.cc:589] Read error: Connection reset by peer")


@pytest.mark.parametrize(
    ("messages", "spark_says", "expected"),
    [
        ([step(1, 4), fail(1, ValueError("bad\nbatch"))], "",
         "[train] rank 1 of 2, epoch 0, step 4: ValueError: bad batch"),
        ([fail(1, ValueError())], CRASHED, "[train] rank 1 of 2: ValueError"),
        ([fail(0, HOROVOD), GONE], "", "[train] rank 1 of 2: its process ended without a word"),
        ([fail(0, HOROVOD)], CRASHED, "[train] rank 1 of 2: its process ended without a word"),
        ([], LOST, "(ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Container "
                   "killed by YARN for exceeding physical memory limits.). Next: look for"),
        ([], IMPORT, "[train] rank 1 of 2: ModuleNotFoundError: No module named 'laketrain'. Next: install it"),
        ([fail(0, HOROVOD)], "", "[train] rank 0 of 2: RuntimeError: HorovodAllreduce failed"),
        ([], "Job 3 cancelled as part of cancellation of all jobs", "was ended: Job 3 cancelled"),
        ([], "", "was ended: Spark gave no reason"),
    ],
)
def test_the_error_names_the_first_cause(messages: list[dict[str, Any]], spark_says: str, expected: str) -> None:
    assert expected in str(failed(book_with(*messages), "train", spark_says))


def test_a_rank_on_another_host_than_the_driver_is_named_with_it() -> None:
    here = socket.gethostname()
    for host, said in (("node7/10.0.0.7", "rank 1 of 2 on node7: "), (f"{here}/10.0.0.1", "rank 1 of 2: ")):
        book = book_with(fail(1, ValueError()))
        book.pages[1].host = host
        assert f"[train] {said}ValueError" in str(failed(book, "train", ""))


def test_the_last_lines_come_with_it() -> None:
    error = failed(book_with(fail(0, HOROVOD), GONE), "train", CRASHED)
    assert isinstance(error, RankError)
    assert (error.rank, error.log) == (1, "Check failed: x")


@pytest.mark.parametrize("raised", [DataError("train", "a", "b", "c"), GateError("evaluate", "a", "b"),
                                    LaunchError("x", "a", "b"), RankError("train", "a", "b", rank=0)])
def test_our_errors_are_made_again_as_they_were(raised: LaketrainError) -> None:
    error = failed(book_with(fail(1, raised)), "train", "")
    assert type(error) is type(raised)
    assert error.args == raised.args
    assert isinstance(error.__cause__, RankError)
    assert error.__cause__.rank == 1


def test_an_error_of_ours_with_other_fields_comes_as_a_rank_error() -> None:
    error = failed(book_with(fail(1, ConfigError("a.yaml", [Problem("x", "y")]))), "train", "")
    assert type(error) is RankError
    assert "ConfigError" in error.problem


@pytest.mark.parametrize(
    "failure",
    [{}, {"type": "__builtins__", "fields": []}, {"type": "nearest", "fields": ["a", "b", "c", "d"]},
     {"type": "LaketrainError", "fields": [1]}, {"type": 3, "message": 4, "trace": 5}],
)
def test_a_strange_failure_is_reported_and_never_executed(failure: dict[str, Any]) -> None:
    book = book_with({"kind": "fail", "rank": 1, "failure": failure})
    assert isinstance(failed(book, "train", ""), RankError)


def test_a_hang_tells_where_the_rank_stands() -> None:
    book = book_with({**step(1, 9), "stack": ["load.py:3 in load: time.sleep(99)"]})
    book.pages[1].process = "p"
    error = hung(book, book.pages[1], "train", 60)
    assert "rank 1 of 2, epoch 0, step 9: made no progress for 60 s; it stands at load.py:3 in load" in str(error)
