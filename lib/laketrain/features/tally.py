"""Partial statistics as integers, so that sums over parts of the data don't depend on their order or cut.

    totals = {}
    merge(totals, {"rows": 3, "least x": 2})
    merge(totals, {"rows": 4, "least x": 1})      # {"rows": 7, "least x": 1}
"""

from __future__ import annotations

from collections.abc import Mapping

Tally = dict[str, int]
LEAST, MOST = "least ", "most "


def merge(into: Tally, counts: Mapping[str, int]) -> None:
    """Adds `counts` to `into`. Keys that start with LEAST or MOST keep the minimum or maximum."""
    for key, count in counts.items():
        if key not in into:
            into[key] = count
        elif key.startswith(LEAST):
            into[key] = min(into[key], count)
        elif key.startswith(MOST):
            into[key] = max(into[key], count)
        else:
            into[key] += count
