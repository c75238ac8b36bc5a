"""A rank's part of an evaluation: score its rows, and bring back sums and the worst mistakes, not predictions.

    parts = launch(spark, partial(score, task), ranks=2)
    sections = sections_of(features, parts, worst=24)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from laketrain.distributed.world import World
from laketrain.evaluate.baselines import Baseline
from laketrain.evaluate.figures import FigureTally
from laketrain.evaluate.rows import Arrays, batches, weights_of
from laketrain.evaluate.sums import Floats
from laketrain.evaluate.tally import tallies_of
from laketrain.events import Report, RowsScored
from laketrain.features import FeatureSet
from laketrain.feed.dataset import FED, Dataset
from laketrain.imports import import_tensorflow


@dataclass(frozen=True)
class ScoreTask:
    """What ranks are told: a lake's URL, refs such as `features/mnist@3` and `models/mnist@1`, the split, rows a
    batch, and how many mistakes to bring back."""

    lake: str
    dataset: str
    model: str
    split: str
    batch: int
    worst: int
    baselines: Mapping[str, Mapping[str, Baseline]] = field(default_factory=dict)


def score(task: ScoreTask, world: World, report: Report) -> dict[str, Any]:
    """Scores rows r·n/N … (r+1)·n/N of the split.

    Returns:
        By target, its sums and worst rows, as the tally of its kind has them (`laketrain.evaluate.tally`), and under
        `baselines` the sums of each one's figure. A row counts by its weight, and one of weight 0 in nothing.
    """
    import_tensorflow()
    import tensorflow as tf

    from laketrain.lake import Lake
    from laketrain.train.checkpoint import load_model

    dataset = Dataset.at(task.lake, task.dataset)
    features = dataset.features
    columns = [name for name, feature in features.items() if feature.role in FED]
    rows = dataset.rows(task.split)
    tallies = tallies_of(features, rows, task.worst)
    beside = _Beside(features, task.baselines)
    table, _, number = task.model.partition("@")
    model = load_model(Lake(task.lake).table(*table.split("/")).get(int(number)))
    predict = tf.function(lambda given: model(given, training=False), reduce_retracing=True, autograph=False)
    first, end = world.rank * rows // world.size, (world.rank + 1) * rows // world.size
    for numbers, arrays in batches(dataset, task.split, columns, first, end, task.batch):
        said = predict({name: arrays[name] for name in features.inputs})
        weights = weights_of(features, arrays)
        for name, tally in tallies.items():
            tally.add(numbers, arrays[name], (said[name] if isinstance(said, dict) else said).numpy(), weights)
        beside.add(arrays, weights)
        report(RowsScored(int(numbers[-1]) + 1 - first, end - first))
    return {name: {**tally.part(), "baselines": beside.part(name)} for name, tally in tallies.items()}


class _Beside:
    """The figures' sums of all baselines, over a rank's rows."""

    def __init__(self, features: FeatureSet, baselines: Mapping[str, Mapping[str, Baseline]]) -> None:
        self._features, self._baselines = features, baselines
        self._tallies = {target: {name: FigureTally(features[target]) for name in named}
                         for target, named in baselines.items()}

    def add(self, arrays: Arrays, weights: Floats | None) -> None:
        rows = len(next(iter(arrays.values())))
        weights = np.ones(rows) if weights is None else weights
        given = {name: arrays[name] for name in self._features.inputs}
        for target, tallies in self._tallies.items():
            for name, tally in tallies.items():
                said = self._baselines[target][name].said(self._features, given)
                tally.add(arrays[target], said, weights)

    def part(self, target: str) -> dict[str, list[float]]:
        return {name: tally.part() for name, tally in self._tallies.get(target, {}).items()}
