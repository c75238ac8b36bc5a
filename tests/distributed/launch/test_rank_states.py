"""The driver's registry finds the rank that failed first, or for which the others wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from laketrain.distributed.launch.rank_states import LOG_LINES, START_SECONDS, RankRegistry


class Clock:
    """Seconds that pass only when a test adds them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> RankRegistry:
    """A registry that both ranks have joined."""
    made = RankRegistry(2, "horovod", clock)
    threads = [threading.Thread(target=made.handle, args=(join(rank),)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def join(rank: int, process: str = "") -> dict[str, Any]:
    return {"kind": "join", "rank": rank, "host": f"h{rank}", "executor": "e", "process": process or f"p{rank}",
            "offers": {"horovod": "", "tensorflow": f"h{rank}:1"}}


def heartbeat(rank: int, sequence: int, progress: int, *events: dict[str, Any], stack: list[str] | None = None
         ) -> dict[str, Any]:
    return {"kind": "heartbeat", "rank": rank, "sequence": sequence, "progress": progress, "events": list(events),
            "stack": stack or []}


def fail(rank: int, peer_failure: bool = False) -> dict[str, Any]:
    failure = {"type": "ValueError", "message": "", "peer_failure": peer_failure}
    return {"kind": "fail", "rank": rank, "failure": failure}


def exited(rank: int) -> dict[str, Any]:
    return {"kind": "log", "rank": rank, "lines": ["last line"], "exited": True}


def test_all_ranks_get_all_hosts_when_the_last_has_joined() -> None:
    made = RankRegistry(2)
    answers: list[dict[str, Any]] = []
    first = threading.Thread(target=lambda: answers.append(made.handle(join(0))))
    first.start()
    answers.append(made.handle(join(1)))
    first.join()
    assert [answer["hosts"] for answer in answers] == [["h0", "h1"]] * 2


def test_a_rank_that_waits_for_others_gets_waiting() -> None:
    assert RankRegistry(2).handle(join(0)) == {"state": "waiting"}


def test_a_rank_that_spark_starts_a_second_time_is_refused(registry: RankRegistry) -> None:
    assert registry.handle(join(1, process="another")) == {"state": "refused"}
    assert registry.handle(join(1))["state"] == "ready"


def test_events_keep_the_order_of_their_rank_and_come_once(registry: RankRegistry) -> None:
    registry.handle(heartbeat(0, 1, 2, {"step": 1}, {"step": 2}))
    registry.handle(heartbeat(0, 1, 2, {"step": 1}, {"step": 2}))
    registry.handle(heartbeat(1, 1, 1, {"step": 1}))
    registry.handle(heartbeat(0, 2, 3, {"step": 3}))
    assert registry.drain() == [(0, {"step": 1}), (0, {"step": 2}), (1, {"step": 1}), (0, {"step": 3})]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"rank": 0}, {"rank": 7, "kind": "heartbeat"}, {"rank": -1, "kind": "heartbeat"},
        {"rank": "0", "kind": "heartbeat"}, {"rank": True, "kind": "heartbeat"}, {"rank": 0, "kind": "close"},
        {"rank": 0, "kind": "join", "process": 3},
        {"rank": 0, "kind": "heartbeat", "sequence": 1, "progress": 1, "events": ["text"]},
        {"rank": 0, "kind": "heartbeat", "sequence": "1", "progress": 1, "events": []},
        {"rank": 0, "kind": "heartbeat", "sequence": 1, "progress": 1, "events": [{"kind": "hint", "colour": "red"}]},
        {"rank": 0, "kind": "log", "lines": [1]}, {"rank": 0, "kind": "fail", "failure": []},
    ],
)
def test_malformed_messages_raise(registry: RankRegistry, message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        registry.handle(message)


def test_a_rank_keeps_its_last_lines_only(registry: RankRegistry) -> None:
    registry.handle({"kind": "log", "rank": 0, "lines": ["x" * 10_000] * 1_000})
    assert len(registry.states[0].log) == LOG_LINES
    assert len(registry.states[0].log[0]) <= 500


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        ([fail(1), fail(0)], 1),
        ([fail(0, peer_failure=True), fail(1)], 1),
        ([fail(0, peer_failure=True), exited(1)], 1),
        ([exited(0), fail(1)], 1),
        ([fail(1), exited(1), exited(0)], 1),
        ([fail(1, peer_failure=True), fail(0, peer_failure=True)], 1),
    ],
)
def test_the_first_cause_comes_before_its_effects(
    registry: RankRegistry, clock: Clock, messages: list[dict[str, Any]], first: int
) -> None:
    for message in messages:
        registry.handle(message)
        clock.now += 1
    failure = registry.first_failure()
    assert failure is not None
    assert failure.rank == first


def test_a_rank_that_finished_has_not_failed_when_its_process_ends(registry: RankRegistry) -> None:
    registry.handle({"kind": "finish", "rank": 0})
    registry.handle(exited(0))
    assert registry.first_failure() is None


def test_ranks_finish_together(registry: RankRegistry) -> None:
    assert registry.handle({"kind": "finish", "rank": 0}) == {"state": "waiting"}
    assert registry.handle({"kind": "finish", "rank": 1}) == {"state": "ready"}
    assert registry.handle({"kind": "finish", "rank": 0}) == {"state": "ready"}


def test_a_rank_that_waits_at_the_end_gets_failed(registry: RankRegistry) -> None:
    registry.handle(fail(1))
    assert registry.handle({"kind": "finish", "rank": 0}) == {"state": "failed"}


def test_no_rank_is_overdue_while_all_make_progress(registry: RankRegistry, clock: Clock) -> None:
    for step in range(1, 5):
        clock.now += 50
        registry.handle(heartbeat(0, step, step))
        registry.handle(heartbeat(1, step, step))
        assert registry.overdue(60) is None


def test_no_rank_is_overdue_before_spark_has_started_any(clock: Clock) -> None:
    waiting = RankRegistry(2, clock=clock)
    clock.now += 1e6
    assert waiting.overdue(60) is None


def test_a_heartbeat_alone_is_not_progress(registry: RankRegistry, clock: Clock) -> None:
    for rank in range(2):
        registry.handle(heartbeat(rank, 1, 1))
    clock.now += 61
    for rank in range(2):
        registry.handle(heartbeat(rank, 2, 1))
    assert registry.overdue(60) is not None


def test_a_rank_whose_task_has_not_started_has_more_time(registry: RankRegistry, clock: Clock) -> None:
    clock.now += START_SECONDS - 1
    assert registry.overdue(60) is None
    clock.now += 2
    assert registry.overdue(60) is not None


@pytest.mark.parametrize(
    ("case", "messages"),
    [
        ("it has no heartbeat", [heartbeat(0, 2, 9)]),
        ("it made the least progress", [heartbeat(0, 2, 9), heartbeat(1, 2, 5)]),
        ("Horovod reports it as missing", [heartbeat(0, 2, 5), heartbeat(1, 2, 9), {
            "kind": "log", "rank": 0, "lines": ["… that only subset of ranks is submitting", "Missing ranks:",
                                                "1: [laketrain_sum]"]}]),
        ("it is outside TensorFlow", [heartbeat(0, 2, 9, stack=["/x/tensorflow/python/execute.py:53 in quick_execute"]),
                                          heartbeat(1, 2, 9, stack=["train.py:7 in load: time.sleep(99)"])]),
    ],
)
def test_the_rank_for_which_others_wait_is_overdue(
    registry: RankRegistry, clock: Clock, case: str, messages: list[dict[str, Any]]
) -> None:
    for rank in range(2):
        registry.handle(heartbeat(rank, 1, 1))
    for message in messages:
        registry.handle(message)
    clock.now += 61
    for message in messages:
        registry.handle({**message, "sequence": 3} if message["kind"] == "heartbeat" else message)
    overdue = registry.overdue(60)
    assert overdue is not None, case
    assert overdue.rank == 1, case


def test_a_rank_that_never_joined_is_overdue(clock: Clock) -> None:
    incomplete = RankRegistry(2, clock=clock)
    incomplete.handle(join(0))
    clock.now += START_SECONDS + 1
    overdue = incomplete.overdue(60)
    assert overdue is not None
    assert overdue.rank == 1
