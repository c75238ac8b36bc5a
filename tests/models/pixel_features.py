"""An image with statistics, a label and a key."""

from __future__ import annotations

from typing import Any

from laketrain.features import FeatureSet

MEAN, STD = 0.31, 0.27


def features(image: dict[str, Any] | None = None, **more: Any) -> FeatureSet:
    statistics = {"mean": MEAN, "std": STD}
    pixels = {"kind": "image", "shape": [6, 5, 3], "statistics": statistics} if image is None else image
    return FeatureSet.model_validate({"picture": pixels, "animal": {"kind": "label", "names": ["cat", "dog", "emu"]},
                                      "id": {"kind": "key"}, **more})
