"""Partial statistics are merged: sums, minima and maxima."""

from __future__ import annotations

from laketrain.features.tally import Tally, merge


def test_minimum_and_maximum_are_merged() -> None:
    totals: Tally = {}
    for counts in ({"rows": 1, "least x": 3, "most x": 3}, {"rows": 2, "least x": -1, "most x": 2}):
        merge(totals, counts)
    assert totals == {"rows": 3, "least x": -1, "most x": 3}
