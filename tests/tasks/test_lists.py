"""Outputs of a model as lists of Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from laketrain.tasks.lists import chosen_lists, number_lists

BAD = np.array([True, False, False])


def test_numbers_are_lists_and_null_for_bad_rows() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert number_lists(values, BAD).to_pylist() == [None, [3.0, 4.0], [5.0, 6.0]]
    assert number_lists(values, np.zeros(3, bool)).to_pylist() == values.tolist()


def test_only_chosen_values_are_listed() -> None:
    names = np.broadcast_to(np.array(["a", "b"], object), (3, 2))
    chosen = np.array([[True, True], [True, False], [False, False]])
    assert chosen_lists(names, chosen, BAD, pa.string()).to_pylist() == [None, ["a"], []]
