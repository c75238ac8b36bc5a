"""Prefetching keeps the order, is bounded, raises errors when they are due, and never waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.errors import DataError
from laketrain.feed.prefetch import Prefetcher


def counting(end: int, made: list[int] | None = None) -> Generator[int, None, None]:
    for number in range(end):
        if made is not None:
            made.append(number)
        yield number


def settled(made: list[int], least: int) -> int:
    """Waits until so many items were made, and a while more; returns how many were."""
    end = time.monotonic() + 20
    while len(made) < least and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    return len(made)


@given(st.integers(0, 40), st.integers(1, 5))
def test_items_keep_their_order(end: int, depth: int) -> None:
    with Prefetcher(counting(end), depth, "test") as items:
        assert list(items) == list(range(end))
        assert list(items) == []


@pytest.mark.parametrize("depth", [1, 3])
def test_at_most_depth_items_are_prefetched(depth: int) -> None:
    made: list[int] = []
    with Prefetcher(counting(20, made), depth, "test") as items:
        assert settled(made, depth) == depth
        for taken in range(1, 4):
            next(items)
            assert settled(made, depth + taken) == depth + taken


def test_an_error_is_raised_once_when_its_item_is_due() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise MemoryError("no more")

    with Prefetcher(failing(), 4, "test") as items:
        assert next(items) == 1
        with pytest.raises(MemoryError, match="no more"):
            next(items)
        assert list(items) == []


def test_the_thread_closes_the_source_when_the_consumer_leaves() -> None:
    closed_by: list[threading.Thread] = []

    def source() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed_by.append(threading.current_thread())

    with Prefetcher(source(), 2, "test") as items:  # type: ignore[arg-type]
        next(items)
    assert [thread.name for thread in closed_by] == ["laketrain-feed-test"]
    assert not any(thread.name == "laketrain-feed-test" for thread in threading.enumerate())


def test_a_stuck_source_is_reported_and_abandoned() -> None:
    release = threading.Event()

    def stuck() -> Generator[int, None, None]:
        yield 1
        release.wait(60)

    started = time.monotonic()
    with (pytest.raises(DataError, match=r"row group 3 of file 'x': has given nothing for 0\.2 s"),
          Prefetcher(stuck(), 1, "stuck", patience_s=0.2, describe=lambda: "row group 3 of file 'x'") as items):
        list(items)
    assert time.monotonic() - started < 30
    release.set()
