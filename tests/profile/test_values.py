"""Values are counted in bounded memory, with the same result however the rows are cut."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.profile.values import ValueCounts, cells_of, threshold

KEYS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)


def hashes(values: np.ndarray) -> np.ndarray:
    """A good hash of whole numbers: splitmix64."""
    with np.errstate(over="ignore"):
        x = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (x ^ (x >> np.uint64(31))).view(np.int64)


def counted(*parts: np.ndarray, limit: int = 1000) -> ValueCounts:
    total = ValueCounts(limit)
    for part in parts:
        counts = ValueCounts(limit)
        for batch in np.array_split(part, 2):
            counts.add(batch, lambda row, batch=batch: f"v{batch[row]}")
        total.merge(ValueCounts.from_json(json.loads(json.dumps(counts.to_json()))))
    return total


@given(KEYS)
def test_few_are_counted_one_by_one(keys: list[int]) -> None:
    values = counted(np.array(keys, np.int64))
    assert values.distinct == (len(set(keys)), True)
    assert dict(values.ranked()) == {f"v{key}": rows for key, rows in Counter(keys).items()}


@given(KEYS, st.integers(0, 40), st.sampled_from([3, 1000]))
def test_parts_in_any_cut_give_the_same(keys: list[int], cut: int, limit: int) -> None:
    whole, values = counted(np.array(keys, np.int64), limit=limit), np.array(keys, np.int64)
    parts = counted(values[cut:], values[:cut], limit=limit)
    assert (parts.distinct, parts.ranked(), parts.frequent_cells(40)) == (
        whole.distinct, whole.ranked(), whole.frequent_cells(40))


@pytest.mark.parametrize("number", [1_500, 20_000, 300_000])
def test_many_are_estimated_within_a_few_percent(number: int) -> None:
    values, exact = counted(hashes(np.arange(number)), hashes(np.arange(number // 2))).distinct
    assert not exact
    assert values == pytest.approx(number, rel=0.04)


def test_every_frequent_value_is_in_the_cells_that_are_looked_at_again() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([np.repeat(np.arange(20), 100), random.integers(10**6, 10**9, 30_000)])
    keys = hashes(random.permutation(values))
    first, second = counted(keys[:9000], keys[9000:]).frequent_cells(len(keys))
    frequent = [key for key, rows in Counter(keys.tolist()).items() if rows >= threshold(len(keys))]
    assert len(frequent) == 20
    one, other = cells_of(np.array(frequent))
    assert set(one) <= set(first) and set(other) <= set(second)
    looked = np.isin(cells_of(keys)[0], first) & np.isin(cells_of(keys)[1], second)
    assert len(np.unique(keys[looked])) < 100
