"""A rank's part of an evaluation: score its rows, and bring back sums and the worst mistakes, not predictions.

    parts = launch(spark, partial(score, task), ranks=2)
    sections = sections_of(features, parts, worst=24)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from laketrain.distributed.world import World
from laketrain.evaluate.rows import batches
from laketrain.evaluate.tally import tallies_of
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow

Report = Callable[[dict[str, Any]], None]


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


def score(task: ScoreTask, world: World, report: Report) -> dict[str, Any]:
    """Scores rows r·n/N … (r+1)·n/N of the split.

    Returns:
        By target, its sums and worst rows, as the tally of its kind has them (`laketrain.evaluate.tally`).
    """
    import_tensorflow()
    import tensorflow as tf

    from laketrain.lake import Lake
    from laketrain.train.checkpoint import load_model

    dataset = Dataset.at(task.lake, task.dataset)
    inputs, targets = list(dataset.features.inputs), list(dataset.features.targets)
    rows = dataset.rows(task.split)
    tallies = tallies_of(dataset.features, rows, task.worst)
    table, _, number = task.model.partition("@")
    model = load_model(Lake(task.lake).table(*table.split("/")).get(int(number)))
    predict = tf.function(lambda given: model(given, training=False), reduce_retracing=True, autograph=False)
    first, end = world.rank * rows // world.size, (world.rank + 1) * rows // world.size
    for numbers, arrays in batches(dataset, task.split, [*inputs, *targets], first, end, task.batch):
        said = predict({name: arrays[name] for name in inputs})
        for name, tally in tallies.items():
            tally.add(numbers, arrays[name], (said[name] if isinstance(said, dict) else said).numpy())
        report({"kind": "rows", "rows": int(numbers[-1]) + 1 - first, "of": end - first})
    return {name: tally.part() for name, tally in tallies.items()}
