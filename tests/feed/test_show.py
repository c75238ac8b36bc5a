"""Rows are drawn with their captions."""

from __future__ import annotations

import numpy as np

from laketrain.features import FeatureSet
from laketrain.feed.show import COLUMNS, caption, draw

FEATURES = FeatureSet.model_validate({
    "image": {"kind": "image", "column": "pixels", "shape": [2, 2, 1]},
    "label": {"kind": "label", "names": ["cat", "dog"]}, "id": {"kind": "key"}})
ARRAYS = {"image": np.zeros((3, 2, 2, 1), np.uint8), "label": np.array([1, 0, 1]),
          "id": np.array(["a", "b", "$c"], object)}


def test_each_row_is_a_cell_with_its_label_and_key() -> None:
    axes = draw(ARRAYS, FEATURES, "title").axes
    assert len(axes) == COLUMNS
    assert [len(cell.images) for cell in axes] == [1] * 3 + [0] * (COLUMNS - 3)
    assert axes[0].get_title() == caption(ARRAYS, FEATURES, 0) == "dog\na"
