"""A rank's part of an evaluation: scores its rows, and returns sums and the worst mistakes, not predictions.

    parts = launch(spark, partial(score, task), ranks=2)
    sections = merge_parts(outputs, parts, worst=24, weighted=False)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from laketrain.distributed.world import World
from laketrain.evaluate.merge import HeadlineSums, accumulators_of
from laketrain.evaluate.rows import Arrays, batches, weights_of
from laketrain.events import Report, RowsScored
from laketrain.features import FeatureSet
from laketrain.feed.dataset import FED, Dataset
from laketrain.imports import import_tensorflow
from laketrain.tasks import Output, default_outputs
from laketrain.tasks.accumulator import Floats
from laketrain.tasks.baselines import Baseline


@dataclass(frozen=True)
class ScoreTask:
    """The task of a rank: the lake's URL, refs such as `features/mnist@3` and `models/mnist@1`, the split, rows of a
    batch, how many mistakes to return, the fitted baselines, and the model's outputs (by default one a target)."""

    lake: str
    dataset: str
    model: str
    split: str
    batch: int
    worst: int
    baselines: Mapping[str, Mapping[str, Baseline]] = field(default_factory=dict)
    outputs: Mapping[str, Output] | None = None


def score(task: ScoreTask, world: World, report: Report) -> dict[str, Any]:
    """Scores rows r·n/N … (r+1)·n/N of the split.

    Returns:
        By output, the sums and worst rows of its task's accumulator, and under `baselines` the sums of each baseline's
        headline metric. Rows are weighted; those with weight 0 don't count.
    """
    import_tensorflow()
    import tensorflow as tf

    from laketrain.lake import Lake
    from laketrain.models.saving import load_model

    dataset = Dataset.at(task.lake, task.dataset)
    features = dataset.features
    outputs = default_outputs(features) if task.outputs is None else task.outputs
    columns = [name for name, feature in features.items() if feature.role in FED]
    rows = dataset.rows(task.split)
    accumulators = accumulators_of(outputs, rows, task.worst)
    baselines = _Baselines(features, outputs, task.baselines)
    table, _, number = task.model.partition("@")
    model = load_model(Lake(task.lake).table(*table.split("/")).get(int(number)))
    predict = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True, autograph=False)
    first, end = world.rank * rows // world.size, (world.rank + 1) * rows // world.size
    for numbers, arrays in batches(dataset, task.split, columns, first, end, task.batch):
        scored = predict({name: arrays[name] for name in features.inputs})
        weights = weights_of(features, arrays)
        for name, accumulator in accumulators.items():
            values = (scored[name] if isinstance(scored, dict) else scored).numpy()
            accumulator.add(numbers, arrays[outputs[name].truth], values, weights)
        baselines.add(arrays, weights)
        report(RowsScored(int(numbers[-1]) + 1 - first, end - first))
    return {name: {**accumulator.part(), "baselines": baselines.part(name)}
            for name, accumulator in accumulators.items()}


class _Baselines:
    """The sums of all baselines' headline metrics, over a rank's rows."""

    def __init__(self, features: FeatureSet, outputs: Mapping[str, Output],
                 baselines: Mapping[str, Mapping[str, Baseline]]) -> None:
        self._features, self._outputs, self._baselines = features, outputs, baselines
        self._sums = {output: {name: HeadlineSums(outputs[output]) for name in named}
                      for output, named in baselines.items()}

    def add(self, arrays: Arrays, weights: Floats | None) -> None:
        rows = len(next(iter(arrays.values())))
        weights = np.ones(rows) if weights is None else weights
        inputs = {name: arrays[name] for name in self._features.inputs}
        for output, sums in self._sums.items():
            for name, baseline_sums in sums.items():
                predictions = self._baselines[output][name].predict(self._features, inputs)
                baseline_sums.add(arrays[self._outputs[output].truth], predictions, weights)

    def part(self, output: str) -> dict[str, list[float]]:
        return {name: sums.part() for name, sums in self._sums.get(output, {}).items()}
