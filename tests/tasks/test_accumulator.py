"""Sums of an evaluation: rows count by their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from laketrain.tasks.accumulator import Accumulator, Floats, Ints, as_lists, counted, worst_of


class Total(Accumulator):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.total = 0.0

    def _add(self, rows: Ints, truth: Any, outputs: Any, weights: Floats) -> None:
        self.rows += rows.tolist()
        self.total += float((weights * truth).sum())

    def _part(self) -> dict[str, Any]:
        return {"total": self.total}


def test_rows_of_weight_0_do_not_count() -> None:
    total = Total()
    truth = np.array([1.0, 10.0, 100.0])
    total.add(np.arange(3), truth, truth, np.array([0.5, 0.0, 2.0]))
    assert total.rows == [0, 2]
    assert total.part() == {"rows": 2, "weight": 2.5, "masked": 1, "total": 200.5}


def test_without_weights_each_row_has_weight_1() -> None:
    total = Total()
    for start in (0, 2):
        total.add(np.arange(start, start + 2), np.ones(2), np.ones(2))
    assert total.part() == {"rows": 4, "weight": 4.0, "masked": 0, "total": 4.0}


def test_counts_of_ranks_are_added() -> None:
    parts = [{"rows": 2, "weight": 2.5, "masked": 1}, {"rows": 1, "weight": 1.0, "masked": 0}]
    assert counted(parts, weighted=True) == {"rows": 3, "weight": 3.5, "masked": 1}
    assert counted(parts, weighted=False) == {"rows": 3}
    assert as_lists(np.array([1.0, 2.0]), weighted=False) == [1, 2]


def test_the_worst_rows_are_the_largest_and_the_first_of_equals() -> None:
    rows = [{"row": 5, "loss": 1.0}, {"row": 2, "loss": 3.0}, {"row": 1, "loss": 1.0}]
    assert [row["row"] for row in worst_of(rows, 2, "loss")] == [2, 1]
