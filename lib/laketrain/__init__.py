"""laketrain: deep learning on the data that is already in your lake.

    from laketrain import Pipeline
    p = Pipeline("conf/mnist.yaml"); p.clean(); p.convert(); p.train()

Importing this package loads nothing heavy: the module of a public name is imported when the name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.distributed.world import World
    from laketrain.errors import (
        CommitConflict,
        ConfigError,
        DataError,
        GateError,
        LakeError,
        LaketrainError,
        LaunchError,
        Problem,
        RankError,
        StorageError,
    )
    from laketrain.features import Feature, FeatureSet
    from laketrain.feed.dataset import Dataset
    from laketrain.feed.petastorm import PetastormDataset
    from laketrain.lake import Lake
    from laketrain.ml import KerasEstimator, KerasModel
    from laketrain.models.base import Model
    from laketrain.models.networks import Networks
    from laketrain.models.train_step import TrainStep
    from laketrain.pipeline import Pipeline
    from laketrain.stages import Stage
    from laketrain.tasks import Task
    from laketrain.workload import Workload

__version__ = "0.1.0"

_MODULES = {
    "CommitConflict": "laketrain.errors",
    "ConfigError": "laketrain.errors",
    "DataError": "laketrain.errors",
    "Dataset": "laketrain.feed.dataset",
    "Feature": "laketrain.features",
    "FeatureSet": "laketrain.features",
    "GateError": "laketrain.errors",
    "KerasEstimator": "laketrain.ml",
    "KerasModel": "laketrain.ml",
    "Lake": "laketrain.lake",
    "LakeError": "laketrain.errors",
    "LaketrainError": "laketrain.errors",
    "LaunchError": "laketrain.errors",
    "Model": "laketrain.models.base",
    "Networks": "laketrain.models.networks",
    "PetastormDataset": "laketrain.feed.petastorm",
    "Pipeline": "laketrain.pipeline",
    "Problem": "laketrain.errors",
    "RankError": "laketrain.errors",
    "Stage": "laketrain.stages",
    "StorageError": "laketrain.errors",
    "Task": "laketrain.tasks",
    "TrainStep": "laketrain.models.train_step",
    "Workload": "laketrain.workload",
    "World": "laketrain.distributed.world",
}
"""The public names, each with the module that defines it."""

__all__ = [
    "CommitConflict", "ConfigError", "DataError", "Dataset", "Feature", "FeatureSet", "GateError", "KerasEstimator",
    "KerasModel", "Lake", "LakeError", "LaketrainError", "LaunchError", "Model", "Networks", "PetastormDataset",
    "Pipeline", "Problem", "RankError", "Stage", "StorageError", "Task", "TrainStep", "Workload", "World",
    "__version__",
]

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
