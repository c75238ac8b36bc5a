"""A rank's line to the driver loses nothing, repeats nothing, and knows when nobody listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from laketrain.distributed.book import RankBook
from laketrain.distributed.rendezvous import Rendezvous
from laketrain.distributed.reporter import Link, Reporter, Ticket, Unreachable


@pytest.fixture
def book() -> RankBook:
    return RankBook(1)


@pytest.fixture
def server(book: RankBook) -> Iterator[Rendezvous]:
    with Rendezvous("127.0.0.1", ranks=1, hear=book.hear) as running:
        yield running


@pytest.fixture
def ticket(server: Rendezvous) -> Ticket:
    return Ticket(name="train", ranks=1, host="127.0.0.1", port=server.port, token=server.token, deadline=60.0,
                  threads=None, cores=None)


def test_all_events_have_arrived_in_order_when_it_closes(ticket: Ticket, book: RankBook) -> None:
    with Reporter(ticket, 0) as report:
        for step in range(5_000):
            report({"step": step, "filler": "x" * 300})
    assert [event["step"] for _, event in book.drain()] == list(range(5_000))
    assert book.pages[0].progress == 5_000


def test_a_connection_that_breaks_loses_and_repeats_nothing(
    ticket: Ticket, book: RankBook, server: Rendezvous
) -> None:
    with Reporter(ticket, 0) as report:
        for step in range(40):
            report({"step": step})
            if step % 10 == 0:
                server._server.end_connections()
            time.sleep(0.005)
    assert [event["step"] for _, event in book.drain()] == list(range(40))


@pytest.mark.parametrize(("logged", "lines"), [
    (False, []),
    (True, ["train: rank 0 of 1: epoch 2 of 5, step 7 of 60, loss 0.3125", "train: rank 0 of 1: epoch 2, step 8",
            "train: rank 0 of 1: bfloat16, as the CPU is fast at it"]),
], ids=["beside the driver", "in a container"])
def test_a_rank_with_a_log_of_its_own_prints_what_it_reports(
        ticket: Ticket, capsys: pytest.CaptureFixture[str], logged: bool, lines: list[str]) -> None:
    with Reporter(replace(ticket, logged=logged), 0) as report:
        report({"kind": "step", "epoch": 2, "epochs": 5, "step": 7, "steps": 60, "loss": 0.3125})
        report({"kind": "step", "epoch": 2, "step": 8})
        report({})
        report({"kind": "hint", "text": "bfloat16, as the CPU is fast at it"})
    assert capsys.readouterr().out.splitlines() == lines


def test_an_empty_event_is_progress_and_no_event(ticket: Ticket, book: RankBook) -> None:
    with Reporter(ticket, 0) as report:
        report({})
    assert book.drain() == []
    assert book.pages[0].progress == 1


def test_a_quiet_rank_tells_where_it_stands(ticket: Ticket, book: RankBook) -> None:
    with Reporter(replace(ticket, deadline=0.4), 0):
        time.sleep(2.5)
        assert "time.sleep(2.5)" in book.pages[0].stack[0]


def test_without_the_token_a_rank_is_refused(ticket: Ticket) -> None:
    with pytest.raises(Unreachable, match="status 403"):
        Link(replace(ticket, token="another")).ask({"kind": "hello", "rank": 0})


def test_a_driver_that_is_away_is_named_with_its_address(book: RankBook) -> None:
    with Rendezvous("127.0.0.1", ranks=1, hear=book.hear) as ended:
        port = ended.port
    away = Ticket("train", 1, "127.0.0.1", port, ended.token, deadline=60.0, threads=None, cores=None)
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{port} for 1 s"):
        Link(away).ask({"kind": "hello", "rank": 0}, patience=1)
