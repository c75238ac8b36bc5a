"""Ranks have their places on hosts right, whatever order Spark put them in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.distributed.places import places, threads_each


def numbers(hosts: list[str]) -> list[tuple[int, int, int, int]]:
    return [(place.local_rank, place.local_size, place.cross_rank, place.cross_size) for place in places(hosts)]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["a"], [(0, 1, 0, 1)]),
        (["a", "a"], [(0, 2, 0, 1), (1, 2, 0, 1)]),
        (["a", "b"], [(0, 1, 0, 2), (0, 1, 1, 2)]),
        (["a", "b", "a", "b"], [(0, 2, 0, 2), (0, 2, 1, 2), (1, 2, 0, 2), (1, 2, 1, 2)]),
        (["b", "a", "a"], [(0, 1, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]),
    ],
)
def test_local_and_cross_numbers_follow_the_hosts(
    hosts: list[str], expected: list[tuple[int, int, int, int]]
) -> None:
    assert numbers(hosts) == expected


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20))
def test_no_two_ranks_share_a_place(hosts: list[str]) -> None:
    all_places = places(hosts)
    assert [place.rank for place in all_places] == list(range(len(hosts)))
    assert len({(place.host, place.local_rank) for place in all_places}) == len(hosts)
    assert len({(place.local_rank, place.cross_rank) for place in all_places}) == len(hosts)
    for place in all_places:
        assert place.local_size == hosts.count(hosts[place.rank])
        assert place.local_rank < place.local_size
        assert place.cross_rank < place.cross_size


@pytest.mark.parametrize(("cores", "ranks", "threads"), [(2, 2, 1), (8, 2, 4), (3, 2, 1), (1, 4, 1), (4, 0, 4)])
def test_cores_are_parted_equally_and_nobody_has_none(cores: int, ranks: int, threads: int) -> None:
    assert threads_each(cores, ranks) == threads
