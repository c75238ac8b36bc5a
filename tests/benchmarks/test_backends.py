"""Backends are compared by launches, allreduces and trainings, as ratios above 1 where the second one is quicker."""

from __future__ import annotations

import pytest
from benchmarks.backends import HOROVOD, RANKS, SIZES, TENSORFLOW, compare
from benchmarks.train import MODELS


def test_each_part_has_a_ratio_that_is_above_one_where_the_second_backend_is_quicker() -> None:
    times = [0.002 * (1 + number) for number in range(len(SIZES))]
    parts = {"launch": {HOROVOD: [[8.0, 0.6]] * 3, TENSORFLOW: [[4.0, 0.3]] * 3},
             **{f"{ranks} ranks": {HOROVOD: [times], TENSORFLOW: [[each / ranks for each in times]]}
                for ranks in RANKS},
             "train": {HOROVOD: [[1000.0, 2000.0]], TENSORFLOW: [[1500.0, 3000.0]]}}
    result = compare(parts, "title")
    assert result.ratios == {
        "launch_cold": 2.0, "launch_warm": 2.0,
        **{f"allreduce_{ranks}_ranks_{size.replace(' ', '_').lower()}": float(ranks)
           for ranks in RANKS for size in SIZES},
        **{f"train_{model}": 1.5 for model in MODELS}}
    assert [line.figures for line in result.lines[:2]] == ["8,000.0 ms (8,000.0 – 8,000.0)",
                                                           "4,000.0 ms (4,000.0 – 4,000.0)"]
    with pytest.raises(KeyError):
        compare({}, "title")
