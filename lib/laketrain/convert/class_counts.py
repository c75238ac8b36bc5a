"""Rows per class and the sum of weights of each split. Convert counts them, so that no later stage has to.

    counts = ClassCounts()
    counts.add(features, "train", stored)
    counts.classes        # {"train": {"label": [40, 39, 0]}}: rows with a weight above 0, by class
    counts.weights        # {"train": 71.5}; counts.masked: {"train": 3}, rows of weight 0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from laketrain.errors import DataError
from laketrain.features import FeatureSet


@dataclass
class ClassCounts:
    """Sums over rows, by split."""

    classes: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)

    def add(self, features: FeatureSet, split: str, stored: pa.Table) -> None:
        """Adds rows of a split, in their stored form."""
        weighted = np.ones(len(stored), np.bool_)
        if features.weight is not None:
            weights = features.tensors(stored, [features.weight])[features.weight].astype(np.float64)
            weighted = weights > 0
            self._add_weight(split, float(weights.sum()), int((~weighted).sum()))
        for name, feature in features.targets.items():
            if feature.class_labels:
                values = features.tensors(stored, [name])[name][weighted]
                self._add_classes(split, name, feature.class_counts(values).tolist())

    def merged(self, others: Iterable[ClassCounts]) -> ClassCounts:
        """Itself, with the sums of `others` added."""
        for other in others:
            for split, weight in other.weights.items():
                self._add_weight(split, weight, other.masked[split])
            for split, by_name in other.classes.items():
                for name, rows in by_name.items():
                    self._add_classes(split, name, rows)
        return self

    def weight_counts(self, splits: Iterable[str]) -> Mapping[str, Any]:
        """The keys `weights` and `masked` of a version's counts; empty if rows have no weights."""
        names = [split for split in splits if split in self.weights]
        return {"weights": {split: self.weights[split] for split in names},
                "masked": {split: self.masked[split] for split in names}} if names else {}

    def refuse_masked(self, dataset: str, features: FeatureSet, sizes: Mapping[str, int]) -> None:
        """Raises DataError if all rows of a split have weight 0: nothing could be learnt from it or measured on it."""
        empty = [split for split, weight in self.weights.items() if not weight]
        if empty:
            raise DataError("convert", f"dataset {dataset!r}", f"has weight 0 in all rows of {', '.join(empty)} "
                            f"(rows: {dict(sizes)}), so that nothing in it counts",
                            f"give some of them a weight {features.weight!r} above 0, or leave the split out")

    def _add_weight(self, split: str, weight: float, masked: int) -> None:
        self.weights[split] = self.weights.get(split, 0.0) + weight
        self.masked[split] = self.masked.get(split, 0) + masked

    def _add_classes(self, split: str, name: str, rows: list[int]) -> None:
        before = self.classes.setdefault(split, {}).get(name)
        self.classes[split][name] = rows if before is None else [a + b for a, b in zip(before, rows, strict=True)]
