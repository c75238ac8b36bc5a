"""The topology of ranks is right in whatever order Spark placed them on hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.distributed.launch.topology import rank_topologies, threads_per_rank


def numbers(hosts: list[str]) -> list[tuple[int, int, int, int]]:
    return [(rank.local_rank, rank.local_size, rank.cross_rank, rank.cross_size) for rank in rank_topologies(hosts)]


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
def test_local_and_cross_ranks_follow_the_hosts(
    hosts: list[str], expected: list[tuple[int, int, int, int]]
) -> None:
    assert numbers(hosts) == expected


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20))
def test_no_two_ranks_have_the_same_numbers(hosts: list[str]) -> None:
    ranks = rank_topologies(hosts)
    assert [each.rank for each in ranks] == list(range(len(hosts)))
    assert len({(each.host, each.local_rank) for each in ranks}) == len(hosts)
    assert len({(each.local_rank, each.cross_rank) for each in ranks}) == len(hosts)
    for each in ranks:
        assert each.local_size == hosts.count(hosts[each.rank])
        assert each.local_rank < each.local_size
        assert each.cross_rank < each.cross_size


@pytest.mark.parametrize(("cores", "ranks", "threads"), [(2, 2, 1), (8, 2, 4), (3, 2, 1), (1, 4, 1), (4, 0, 4)])
def test_cores_are_divided_equally_with_at_least_one_each(cores: int, ranks: int, threads: int) -> None:
    assert threads_per_rank(cores, ranks) == threads
