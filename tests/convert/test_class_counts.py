"""Convert counts the classes and weights of each split, so that no later stage has to read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.convert.class_counts import ClassCounts
from laketrain.errors import DataError
from laketrain.features import FeatureSet

FEATURES = FeatureSet.model_validate({
    "y": {"kind": "label", "names": ["a", "b", "c"]}, "tags": {"kind": "multilabel", "names": ["s", "t"]},
    "x": {"kind": "number"}, "w": {"kind": "weight"}})


def stored(**columns: Any) -> pa.Table:
    rows = len(columns["w"])
    table, refused = FEATURES.encode_batch(pa.table({"x": np.zeros(rows), **columns}))
    assert refused.null_count == rows
    return table


def test_classes_and_weights_equal_numpys_for_any_partitioning() -> None:
    random = np.random.default_rng(0)
    labels, weights = random.integers(0, 3, 50), random.choice([0.0, 0.25, 2.0], 50)
    tags = random.random((50, 2)) < 0.5
    table = stored(y=[["a", "b", "c"][label] for label in labels], w=weights,
                   tags=[[name for name, has in zip("st", row, strict=True) if has] for row in tags])
    parts = [ClassCounts(), ClassCounts()]
    parts[0].add(FEATURES, "train", table.slice(0, 20))
    parts[1].add(FEATURES, "train", table.slice(20, 20))
    parts[1].add(FEATURES, "test", table.slice(40))
    counts = ClassCounts().merged(parts)
    weighted = weights > 0
    for split, rows in (("train", slice(0, 40)), ("test", slice(40, 50))):
        assert counts.classes[split] == {"y": np.bincount(labels[rows][weighted[rows]], minlength=3).tolist(),
                                        "tags": tags[rows][weighted[rows]].sum(axis=0).tolist()}
    assert counts.weight_counts(["train", "test"]) == {
        "weights": {"train": weights[:40].sum(), "test": weights[40:].sum()},
        "masked": {"train": int((~weighted[:40]).sum()), "test": int((~weighted[40:]).sum())}}


def test_a_split_in_which_every_row_has_weight_0_is_refused() -> None:
    counts = ClassCounts()
    for split, weight in (("train", 1.0), ("val", 0.0)):
        counts.add(FEATURES, split, stored(y=["a", "b"], tags=[["s"], []], w=[0.0, weight]))
    message = (r"dataset 'd': has weight 0 in all rows of val \(rows: \{'train': 2, 'val': 2\}\), so that nothing in "
               r"it counts\. Next: give some of them a weight 'w' above 0")
    with pytest.raises(DataError, match=message):
        counts.refuse_masked("d", FEATURES, {"train": 2, "val": 2})


def test_rows_without_weights_have_no_weight_counts() -> None:
    plain = FeatureSet.of({name: feature for name, feature in FEATURES.items() if name != "w"})
    counts = ClassCounts()
    counts.add(plain, "train", stored(y=["a", "c"], tags=[["s"], []], w=[1.0, 1.0]))
    assert counts.weight_counts(["train"]) == {}
    assert counts.classes == {"train": {"y": [1, 0, 1], "tags": [1, 0]}}
    counts.refuse_masked("d", plain, {"train": 2})
