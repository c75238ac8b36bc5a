"""A rank's reports arrive once and in order, and a driver that is away is detected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from laketrain.distributed.launch.rank_states import RankRegistry
from laketrain.distributed.launch.rendezvous import Rendezvous
from laketrain.distributed.launch.reporter import DriverClient, DriverUnreachable, LaunchSpec, Reporter
from laketrain.events import Hint, StepEnded


@pytest.fixture
def registry() -> RankRegistry:
    return RankRegistry(1)


@pytest.fixture
def server(registry: RankRegistry) -> Iterator[Rendezvous]:
    with Rendezvous("127.0.0.1", ranks=1, on_message=registry.handle) as running:
        yield running


@pytest.fixture
def spec(server: Rendezvous) -> LaunchSpec:
    return LaunchSpec(name="train", ranks=1, host="127.0.0.1", port=server.port, token=server.token, deadline=60.0,
                  threads=None, cores=None)


def test_all_events_have_arrived_in_order_after_close(spec: LaunchSpec, registry: RankRegistry) -> None:
    with Reporter(spec, 0) as report:
        for step in range(5_000):
            report({"step": step, "filler": "x" * 300})
    assert [event["step"] for _, event in registry.drain()] == list(range(5_000))
    assert registry.states[0].progress == 5_000


def test_a_broken_connection_loses_and_repeats_nothing(
    spec: LaunchSpec, registry: RankRegistry, server: Rendezvous
) -> None:
    with Reporter(spec, 0) as report:
        for step in range(40):
            report({"step": step})
            if step % 10 == 0:
                server._server.end_connections()
            time.sleep(0.005)
    assert [event["step"] for _, event in registry.drain()] == list(range(40))


@pytest.mark.parametrize(("log_events", "lines"), [
    (False, []),
    (True, ["train: rank 0 of 1: epoch 2 of 5, step 7 of 60, loss 0.3125", "train: rank 0 of 1: epoch 2, step 8",
            "train: rank 0 of 1: bfloat16, as the CPU is fast at it"]),
], ids=["local", "in a container"])
def test_a_rank_with_a_log_of_its_own_prints_what_it_reports(
        spec: LaunchSpec, capsys: pytest.CaptureFixture[str], log_events: bool, lines: list[str]) -> None:
    with Reporter(replace(spec, log_events=log_events), 0) as report:
        report(StepEnded(2, 7, epochs=5, steps=60, logs={"loss": 0.3125}))
        report(StepEnded(2, 8))
        report({})
        report(Hint("bfloat16, as the CPU is fast at it"))
    assert capsys.readouterr().out.splitlines() == lines


def test_an_empty_event_is_only_progress(spec: LaunchSpec, registry: RankRegistry) -> None:
    with Reporter(spec, 0) as report:
        report({})
    assert registry.drain() == []
    assert registry.states[0].progress == 1


def test_a_quiet_rank_reports_its_stack(spec: LaunchSpec, registry: RankRegistry) -> None:
    with Reporter(replace(spec, deadline=0.4), 0):
        time.sleep(2.5)
        assert "time.sleep(2.5)" in registry.states[0].stack[0]


def test_without_the_token_a_rank_is_refused(spec: LaunchSpec) -> None:
    with pytest.raises(DriverUnreachable, match="status 403"):
        DriverClient(replace(spec, token="another")).request({"kind": "join", "rank": 0})


def test_the_error_has_the_address_of_a_driver_that_is_away(registry: RankRegistry) -> None:
    with Rendezvous("127.0.0.1", ranks=1, on_message=registry.handle) as ended:
        port = ended.port
    away = LaunchSpec("train", 1, "127.0.0.1", port, ended.token, deadline=60.0, threads=None, cores=None)
    with pytest.raises(DriverUnreachable, match=rf"127\.0\.0\.1:{port} for 1 s"):
        DriverClient(away).request({"kind": "join", "rank": 0}, timeout=1)
