"""The number of lanes of a batch. It depends only on the batch, not on the number of ranks.

    auto_lanes(96)                                        # 16
"""

from __future__ import annotations

MOST_LANES = 16


def auto_lanes(batch: int) -> int:
    """The largest divisor of the batch up to MOST_LANES."""
    return max((lanes for lanes in divisors(batch) if lanes <= MOST_LANES), default=1)


def divisors(number: int) -> list[int]:
    """The divisors of `number`, ascending; none of a number below 1."""
    return [n for n in range(1, max(number, 0) + 1) if number % n == 0]
