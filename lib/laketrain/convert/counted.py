"""How many rows of each class the splits hold, and what their weights add up to: told by convert, since a later stage
would have to read all of them again.

    counted = Counted()
    counted.add(features, "train", stored)
    counted.classes       # {"train": {"label": [40, 39, 0]}}: rows that count, by class
    counted.weights       # {"train": 71.5}; counted.masked: {"train": 3}, rows of weight 0
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
class Counted:
    """Sums over rows, by split."""

    classes: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)

    def add(self, features: FeatureSet, split: str, stored: pa.Table) -> None:
        """Some more rows of a split, as Parquet holds them."""
        counted = np.ones(len(stored), np.bool_)
        if features.weight is not None:
            weights = features.tensors(stored, [features.weight])[features.weight].astype(np.float64)
            counted = weights > 0
            self._weigh(split, float(weights.sum()), int((~counted).sum()))
        for name, feature in features.targets.items():
            if feature.class_labels:
                values = features.tensors(stored, [name])[name][counted]
                self._count(split, name, feature.class_counts(values).tolist())

    def merged(self, others: Iterable[Counted]) -> Counted:
        """This one, with the sums of others added."""
        for other in others:
            for split, weight in other.weights.items():
                self._weigh(split, weight, other.masked[split])
            for split, by_name in other.classes.items():
                for name, rows in by_name.items():
                    self._count(split, name, rows)
        return self

    def told(self, splits: Iterable[str]) -> Mapping[str, Any]:
        """What a version's counts say of the weights; nothing where rows have none."""
        names = [split for split in splits if split in self.weights]
        return {"weights": {split: self.weights[split] for split in names},
                "masked": {split: self.masked[split] for split in names}} if names else {}

    def refuse_masked(self, dataset: str, features: FeatureSet, sizes: Mapping[str, int]) -> None:
        """Raises DataError where all rows of a split have weight 0: of it nothing could be learnt or measured."""
        empty = [split for split, weight in self.weights.items() if not weight]
        if empty:
            raise DataError("convert", f"dataset {dataset!r}", f"has weight 0 in all rows of {', '.join(empty)} "
                            f"(rows: {dict(sizes)}), so that nothing in it counts",
                            f"give some of them a weight {features.weight!r} above 0, or leave the split out")

    def _weigh(self, split: str, weight: float, masked: int) -> None:
        self.weights[split] = self.weights.get(split, 0.0) + weight
        self.masked[split] = self.masked.get(split, 0) + masked

    def _count(self, split: str, name: str, rows: list[int]) -> None:
        there = self.classes.setdefault(split, {}).get(name)
        self.classes[split][name] = rows if there is None else [a + b for a, b in zip(there, rows, strict=True)]
