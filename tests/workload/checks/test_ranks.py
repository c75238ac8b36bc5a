"""Ranks divide the lanes, lanes divide the batch, and a local Spark has a slot for each rank."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_ranks_that_do_not_divide_the_lanes_are_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    local = digits.replace("local[2]", "local[8]")
    [problem] = problems(local.replace("ranks: 2", "ranks: 3"))
    assert problem.path == ("train", "ranks")
    assert problems(local.replace("ranks: 2", "ranks: {min: 3, max: 4}")) == []


def test_lanes_that_do_not_divide_the_batch_are_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("  seed: 7", "  seed: 7\n  lanes: 6"))
    assert problem.path == ("train", "lanes")


def test_more_ranks_than_local_slots_are_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("ranks: 2", "ranks: 4"))
    assert problem.path == ("train", "ranks")
