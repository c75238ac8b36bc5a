"""Numbers of any kind of feature: beyond float32, and in nested arrays."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from .fitting import parse


@pytest.mark.parametrize("settings", [{"kind": "number"}, {"kind": "weight"}, {"kind": "vector", "columns": ["x"]},
                                      {"kind": "value", "columns": ["x"]}, {"kind": "vector", "size": 1},
                                      {"kind": "sequence", "shape": [1, 1], "pad": "after"}])
def test_a_number_beyond_float32_is_refused(settings: dict[str, Any]) -> None:
    values = [1.0, 1e300, 3.4e38]
    nested = "size" in settings or "shape" in settings
    result = parse(**settings).check(pa.array([[value] for value in values] if nested else values)).to_pylist()
    assert [why is None for why in result] == [True, False, True]


@pytest.mark.parametrize(("settings", "good", "bad", "expected"), [
    ({"kind": "sequence", "shape": [2, 3]}, [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 1, 2]]],
     [[[1, 2], [3, 4, 5, 6]], [[1, 2, 3, 4, 5, 6]], [[1, 2, 3], None, [4, 5, 6]], [[1, 2, 3], [], [4, 5, 6]]], "2×3"),
    ({"kind": "sequence", "shape": [3, 3], "pad": "after", "mask": True}, [[[1, 2, 3]], [], [[1, 2, 3], [4, 5, 6]]],
     [[[1, 2, 3], None, [7, 8, 9]], [[1, 2], [3, 4, 5, 6]], [None]], "whole steps of 3"),
    ({"kind": "vector", "size": 4}, [[[1, 2], [3, 4]], [[1, 2, 3, 4]], [[1], [2], [3], [4]]],
     [[[1], [2, 3, 4]], [[1, 2, 3], [4]], [None, [1, 2, 3, 4]]], "4"),
    ({"kind": "value", "size": 4}, [[[[1, 2]], [[3, 4]]]], [[[[1, 2], [3]], [[4]]], [[[1, 2], None], [[3, 4]]]], "4"),
], ids=["sequence", "padded", "vector", "deeper"])
def test_nested_arrays_must_have_equal_lengths_even_if_the_total_fits(
        settings: dict[str, Any], good: list[Any], bad: list[Any], expected: str) -> None:
    rows = [row for pair in zip(good, bad, strict=False) for row in pair] + good[len(bad):] + bad[len(good):] + [None]
    why = "has a null or uneven array within, expected " + expected
    for start in (0, 1):
        result = parse(**settings).check(pa.array(rows).slice(start)).to_pylist()
        assert result == ["is null" if row is None else why if row in bad else None for row in rows[start:]]
