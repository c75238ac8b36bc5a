"""The topology of ranks on hosts, as Horovod numbers it. Pure arithmetic.

    rank_topologies(["a", "b", "a"])[2]  ->  rank 2 of 3, the second of two ranks on host 0, alone in its cross group

A rank is the index of its Spark partition, so that a task in Spark's messages identifies a rank.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RankTopology:
    """Horovod's six numbers for one rank, and the index of its host in order of first appearance.

    `local_*` count the ranks of one host; `cross_*` count the hosts that have a rank with this `local_rank`.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    cross_rank: int
    cross_size: int
    host: int


def rank_topologies(hosts: Sequence[str]) -> tuple[RankTopology, ...]:
    """The topology of every rank, from the host of each rank in rank order."""
    host_indices = {host: index for index, host in enumerate(dict.fromkeys(hosts))}
    local_sizes = Counter(hosts)
    local_ranks: list[int] = []
    counts: Counter[str] = Counter()
    for host in hosts:
        local_ranks.append(counts[host])
        counts[host] += 1
    cross_groups: dict[int, list[int]] = defaultdict(list)
    for host, local_rank in zip(hosts, local_ranks, strict=True):
        cross_groups[local_rank].append(host_indices[host])
    return tuple(
        RankTopology(
            rank=rank,
            size=len(hosts),
            local_rank=local_rank,
            local_size=local_sizes[host],
            cross_rank=sorted(cross_groups[local_rank]).index(host_indices[host]),
            cross_size=len(cross_groups[local_rank]),
            host=host_indices[host],
        )
        for rank, (host, local_rank) in enumerate(zip(hosts, local_ranks, strict=True))
    )


def threads_per_rank(cores: int, ranks: int) -> int:
    """Threads for each of `ranks` ranks that share `cores` cores: an equal part, at least 1."""
    return max(1, cores // max(1, ranks))
