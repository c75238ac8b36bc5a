"""Where each rank stands: its place in the world and on its host. Pure arithmetic.

    places(["a", "b", "a"])[2]  ->  rank 2 of 3, the second of two ranks on host 0, alone in its cross line

A rank is the number of its Spark partition, so that whatever Spark says of a task names a rank.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
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


def places(hosts: Sequence[str]) -> tuple[Place, ...]:
    """The place of every rank, given the host of each rank in rank order."""
    index = {host: number for number, host in enumerate(dict.fromkeys(hosts))}
    local_sizes = Counter(hosts)
    local_ranks: list[int] = []
    seen: Counter[str] = Counter()
    for host in hosts:
        local_ranks.append(seen[host])
        seen[host] += 1
    lines: dict[int, list[int]] = defaultdict(list)
    for host, local_rank in zip(hosts, local_ranks, strict=True):
        lines[local_rank].append(index[host])
    return tuple(
        Place(
            rank=rank,
            size=len(hosts),
            local_rank=local_rank,
            local_size=local_sizes[host],
            cross_rank=sorted(lines[local_rank]).index(index[host]),
            cross_size=len(lines[local_rank]),
            host=index[host],
        )
        for rank, (host, local_rank) in enumerate(zip(hosts, local_ranks, strict=True))
    )


def threads_each(cores: int, ranks: int) -> int:
    """Threads for each of `ranks` ranks that share `cores` cores: an equal part, and never none."""
    return max(1, cores // max(1, ranks))
