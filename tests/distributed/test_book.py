"""The driver's book names the rank that failed first, or that the others wait for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from laketrain.distributed.book import LOG_LINES, START_SECONDS, RankBook


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> RankBook:
    """A book in which both ranks have said hello."""
    made = RankBook(2, clock)
    greet = [threading.Thread(target=made.hear, args=(hello(rank),)) for rank in range(2)]
    for thread in greet:
        thread.start()
    for thread in greet:
        thread.join()
    return made


def hello(rank: int, process: str = "") -> dict[str, Any]:
    return {"kind": "hello", "rank": rank, "host": f"h{rank}", "executor": "e", "process": process or f"p{rank}"}


def beat(rank: int, sequence: int, progress: int, *events: dict[str, Any], stack: list[str] | None = None
         ) -> dict[str, Any]:
    return {"kind": "beat", "rank": rank, "sequence": sequence, "progress": progress, "events": list(events),
            "stack": stack or []}


def fail(rank: int, collateral: bool = False) -> dict[str, Any]:
    return {"kind": "fail", "rank": rank, "failure": {"type": "ValueError", "message": "", "collateral": collateral}}


def gone(rank: int) -> dict[str, Any]:
    return {"kind": "log", "rank": rank, "lines": ["last words"], "gone": True}


def test_all_ranks_learn_who_is_there_when_the_last_has_come() -> None:
    made = RankBook(2)
    answers: list[dict[str, Any]] = []
    first = threading.Thread(target=lambda: answers.append(made.hear(hello(0))))
    first.start()
    answers.append(made.hear(hello(1)))
    first.join()
    assert [answer["hosts"] for answer in answers] == [["h0", "h1"]] * 2


def test_a_rank_that_waits_for_others_is_told_to_ask_again() -> None:
    assert RankBook(2).hear(hello(0)) == {"state": "waiting"}


def test_a_rank_that_spark_starts_a_second_time_is_refused(book: RankBook) -> None:
    assert book.hear(hello(1, process="another")) == {"state": "refused"}
    assert book.hear(hello(1))["state"] == "ready"


def test_events_keep_the_order_of_their_rank_and_are_heard_once(book: RankBook) -> None:
    book.hear(beat(0, 1, 2, {"step": 1}, {"step": 2}))
    book.hear(beat(0, 1, 2, {"step": 1}, {"step": 2}))
    book.hear(beat(1, 1, 1, {"step": 1}))
    book.hear(beat(0, 2, 3, {"step": 3}))
    assert book.drain() == [(0, {"step": 1}), (0, {"step": 2}), (1, {"step": 1}), (0, {"step": 3})]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"rank": 0}, {"rank": 7, "kind": "beat"}, {"rank": -1, "kind": "beat"}, {"rank": "0", "kind": "beat"},
        {"rank": True, "kind": "beat"}, {"rank": 0, "kind": "close"}, {"rank": 0, "kind": "hello", "process": 3},
        {"rank": 0, "kind": "beat", "sequence": 1, "progress": 1, "events": ["text"]},
        {"rank": 0, "kind": "beat", "sequence": "1", "progress": 1, "events": []},
        {"rank": 0, "kind": "log", "lines": [1]}, {"rank": 0, "kind": "fail", "failure": []},
    ],
)
def test_malformed_messages_raise_what_the_server_refuses_with(book: RankBook, message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        book.hear(message)


def test_a_rank_keeps_its_last_lines_only(book: RankBook) -> None:
    book.hear({"kind": "log", "rank": 0, "lines": ["x" * 10_000] * 1_000})
    assert len(book.pages[0].log) == LOG_LINES
    assert len(book.pages[0].log[0]) <= 500


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        ([fail(1), fail(0)], 1),
        ([fail(0, collateral=True), fail(1)], 1),
        ([fail(0, collateral=True), gone(1)], 1),
        ([gone(0), fail(1)], 1),
        ([fail(1), gone(1), gone(0)], 1),
        ([fail(1, collateral=True), fail(0, collateral=True)], 1),
    ],
)
def test_the_first_cause_is_named_before_its_effects(
    book: RankBook, clock: Clock, messages: list[dict[str, Any]], first: int
) -> None:
    for message in messages:
        book.hear(message)
        clock.now += 1
    failure = book.first_failure()
    assert failure is not None
    assert failure.rank == first


def test_a_rank_that_finished_has_not_failed_when_its_process_ends(book: RankBook) -> None:
    book.hear({"kind": "finish", "rank": 0})
    book.hear(gone(0))
    assert book.first_failure() is None


def test_ranks_finish_together(book: RankBook) -> None:
    assert book.hear({"kind": "finish", "rank": 0}) == {"state": "waiting"}
    assert book.hear({"kind": "finish", "rank": 1}) == {"state": "ready"}
    assert book.hear({"kind": "finish", "rank": 0}) == {"state": "ready"}


def test_a_rank_that_waits_at_the_end_hears_of_a_failure(book: RankBook) -> None:
    book.hear(fail(1))
    assert book.hear({"kind": "finish", "rank": 0}) == {"state": "failed"}


def test_nobody_is_late_while_all_get_on(book: RankBook, clock: Clock) -> None:
    for step in range(1, 5):
        clock.now += 50
        book.hear(beat(0, step, step))
        book.hear(beat(1, step, step))
        assert book.overdue(60) is None


def test_nobody_is_late_before_spark_has_started_any(clock: Clock) -> None:
    waiting = RankBook(2, clock)
    clock.now += 1e6
    assert waiting.overdue(60) is None


def test_a_heartbeat_alone_is_no_progress(book: RankBook, clock: Clock) -> None:
    for rank in range(2):
        book.hear(beat(rank, 1, 1))
    clock.now += 61
    for rank in range(2):
        book.hear(beat(rank, 2, 1))
    assert book.overdue(60) is not None


def test_a_rank_that_has_not_begun_may_still_be_importing(book: RankBook, clock: Clock) -> None:
    clock.now += START_SECONDS - 1
    assert book.overdue(60) is None
    clock.now += 2
    assert book.overdue(60) is not None


@pytest.mark.parametrize(
    ("case", "messages"),
    [
        ("its heart has stopped", [beat(0, 2, 9)]),
        ("it came least far", [beat(0, 2, 9), beat(1, 2, 5)]),
        ("Horovod misses it", [beat(0, 2, 5), beat(1, 2, 9), {
            "kind": "log", "rank": 0, "lines": ["… that only subset of ranks is submitting", "Missing ranks:",
                                                "1: [laketrain_sum]"]}]),
        ("it stands outside TensorFlow", [beat(0, 2, 9, stack=["/x/tensorflow/python/execute.py:53 in quick_execute"]),
                                          beat(1, 2, 9, stack=["train.py:7 in load: time.sleep(99)"])]),
    ],
)
def test_the_rank_that_others_wait_for_is_the_late_one(
    book: RankBook, clock: Clock, case: str, messages: list[dict[str, Any]]
) -> None:
    for rank in range(2):
        book.hear(beat(rank, 1, 1))
    for message in messages:
        book.hear(message)
    clock.now += 61
    for message in messages:
        book.hear({**message, "sequence": 3} if message["kind"] == "beat" else message)
    late = book.overdue(60)
    assert late is not None, case
    assert late.rank == 1, case


def test_a_rank_that_never_joined_is_the_late_one(clock: Clock) -> None:
    half = RankBook(2, clock)
    half.hear(hello(0))
    clock.now += START_SECONDS + 1
    late = half.overdue(60)
    assert late is not None
    assert late.rank == 1
