"""Rows of a split are read in order, without those of weight 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import tiny

from laketrain.errors import DataError
from laketrain.evaluate.rows import batches, read_rows, rows_that_count, weights_of
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake

WEIGHTED = FeatureSet.model_validate({
    "x": {"kind": "number"}, "w": {"kind": "weight"}, "y": {"kind": "label", "classes": 2}})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tiny.commit_tiny(Lake(tmp_path)))


def test_batches_are_the_rows_in_order(dataset: Dataset) -> None:
    _, labels = tiny.rows_of(dataset.version, "test")
    parts = list(batches(dataset, "test", ["label"], 5, 40, 16))
    assert [len(numbers) for numbers, _ in parts] == [16, 16, 3]
    np.testing.assert_array_equal(np.concatenate([arrays["label"] for _, arrays in parts]), labels[5:40])


def test_single_rows_are_read(dataset: Dataset) -> None:
    _, labels = tiny.rows_of(dataset.version, "test")
    numbers = np.array([0, 7, 60])
    [(read, arrays)] = read_rows(dataset, "test", ["label"], numbers)
    assert read.tolist() == numbers.tolist()
    np.testing.assert_array_equal(arrays["label"], labels[numbers])


def test_without_weights_all_rows_count(dataset: Dataset) -> None:
    assert weights_of(dataset.features, {}) is None
    assert rows_that_count(dataset, "test", 1000).tolist() == list(range(61))
    assert len(rows_that_count(dataset, "test", 10)) == 10


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_an_invalid_weight_is_an_error(bad: float) -> None:
    assert weights_of(WEIGHTED, {"w": np.array([0.0, 2.0])}).tolist() == [0.0, 2.0]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="expected a number from 0 on"):
        weights_of(WEIGHTED, {"w": np.array([1.0, bad])})
