"""Baselines, which the driver fits to a sample of the train split.

    fitted = Baselines(dataset, "train", outputs).of("label", ["majority", "linear"])     # {"majority": Constant(3), …}
    fitted["majority"].predict(features, arrays)                                           # (n,) classes

The ranks measure them on the same rows as the model, with the same weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from laketrain.evaluate.rows import Arrays, read_rows, rows_that_count, weights_of
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.tasks import Output
from laketrain.tasks.baselines import Baseline, Sample
from laketrain.tasks.design_matrix import design_matrix, width_of
from laketrain.tasks.persistence import last_values

# More rows would cost the driver minutes and hardly change a baseline. The second limit bounds memory: scikit-learn
# keeps several copies of the numbers, at 4 to 8 bytes each.
MOST_ROWS = 5_000
MOST_NUMBERS = 32_000_000


@dataclass(frozen=True)
class Baselines:
    """The baselines of the outputs, fitted to the split `train`."""

    dataset: Dataset
    train: str
    outputs: Mapping[str, Output]

    @cached_property
    def sample(self) -> Sample:
        """The rows that the baselines are fitted to."""
        return draw_sample(self.dataset, self.train, [output.truth for output in self.outputs.values()])

    @property
    def rows(self) -> int:
        """The number of rows that the baselines are fitted to."""
        return len(self.sample.inputs)

    def of(self, name: str, names: Iterable[str]) -> dict[str, Baseline]:
        """The baselines in `names` that the output's task has, by name."""
        output = self.outputs[name]
        fitted = {baseline: output.task.baseline(baseline, output.truth, output.feature, self.sample)
                  for baseline in names if baseline in output.task.baselines}
        return {baseline: model for baseline, model in fitted.items() if model is not None}


def draw_sample(dataset: Dataset, split: str, truths: Iterable[str]) -> Sample:
    """Rows of a split with a weight above 0, spread evenly over the split."""
    features, truths = dataset.features, list(truths)
    most = max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width_of(features))))
    columns = list(dict.fromkeys([*features.inputs, *truths, *([features.weight] if features.weight else [])]))
    parts = [_part(features, truths, arrays) for _, arrays in read_rows(
        dataset, split, columns, rows_that_count(dataset, split, most))]
    weights = np.concatenate([part.weights for part in parts if part.weights is not None] or [np.zeros(0)])
    return Sample(np.concatenate([part.inputs for part in parts]), _concatenated([part.truth for part in parts]),
                  _concatenated([part.last for part in parts]), weights if features.weight else None)


def _part(features: FeatureSet, truths: Iterable[str], arrays: Arrays) -> Sample:
    return Sample(design_matrix(features, arrays), {name: arrays[name] for name in truths},
                  last_values(features, arrays), weights_of(features, arrays))


def _concatenated(parts: list[Any]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
