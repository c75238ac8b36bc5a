"""The stage `train` of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.lake import Version
    from laketrain.workload import Train, Workload


@dataclass(frozen=True)
class KeptModel:
    """A model that is good enough for now, the dataset that it was trained on, and what has changed since."""

    model: Version
    dataset: Version
    reason: str


Policy = Callable[["Version", str, "Train"], KeptModel | None]
"""Given the newest dataset, the model's name and the settings: the model to keep, or None to train."""


class TrainStage(Stage):
    """From the dataset to a model in `models/`.

    Args:
        keep: decides whether the latest model is kept although there is a newer dataset.
    """

    name = "train"
    help = "Train the model with Horovod on Spark."
    zone = "models"

    def __init__(self, keep: Policy) -> None:
        self._keep = keep

    def tables(self, workload: Workload) -> Sequence[str]:
        return [workload.name]

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.train.stage import fingerprints_train, train

        config = run.workload.train
        assert config is not None
        dataset = run.input("features", run.workload.dataset)
        kept = None if run.force else self._keep(dataset, name, config)
        if kept is not None:
            run.note(f"{kept.model.ref} is kept ({kept.reason}), as 'train.retrain_when' asks")
            dataset = kept.dataset
        key, *earlier = fingerprints_train(dataset, config)
        return Work(key, lambda: train(run.spark, dataset, name, config, key, run.rank_event), [dataset],
                    earlier=earlier)
