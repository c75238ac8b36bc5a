"""Categories become numbers by frequency or by hash."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from .fitting import fitted, parse


def test_categories_are_numbered_by_frequency_and_unknown_ones_are_0() -> None:
    feature = fitted(parse(kind="category"), pa.array(["b", "a", "b", None, "least c", "most d"]))
    assert feature.learnt_values == ("b", "a", "least c", "most d")
    assert feature.tensor(pa.array(["a", "b", "z", None])).tolist() == [2, 1, 0, 0]
    assert feature.count == 5
    assert feature.caption(2) == "a"
    strict = fitted(parse(kind="category", unknown="refuse"), pa.array(["b", "a"]))
    assert strict.check(pa.array(["a", "z", None])).to_pylist() == [None, "is 'z', which the train split lacks",
                                                                    "is null"]


def test_hashed_categories_need_no_fitting_and_are_reproducible() -> None:
    def number(text: str) -> int:
        return int.from_bytes(hashlib.md5(text.encode()).digest()[:8], "big") % 100 + 1

    feature = parse(kind="category", hashed=100)
    assert feature.tensor(pa.array(["a", "ü", "a", None])).tolist() == [number("a"), number("ü"), number("a"), 0]
    assert feature.tensor(pa.array([7, None], pa.int64())).tolist() == [number("7"), 0]
    assert feature.count == 101
