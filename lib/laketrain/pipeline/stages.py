"""The table of the stages. Each built-in stage is a line in it; stages of plugins register themselves.

    [stage.name for stage in in_order()]     # ["ingest", "clean", "integrate", "convert", "train", …]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.clean.pipeline_stage import CleanStage
from laketrain.convert.pipeline_stage import ConvertStage
from laketrain.errors import ConfigError, Problem, nearest
from laketrain.evaluate.pipeline_stage import EvaluateStage
from laketrain.ingest.pipeline_stage import IngestStage
from laketrain.integrate.pipeline_stage import IntegrateStage
from laketrain.predict.pipeline_stage import PredictStage
from laketrain.stages import STAGES, Stage
from laketrain.train.pipeline_stage import KeptModel, TrainStage

if TYPE_CHECKING:
    from laketrain.lake import Version
    from laketrain.workload import Train


def _keep(dataset: Version, name: str, config: Train) -> KeptModel | None:
    from laketrain.monitor.retraining import model_to_keep

    return model_to_keep(dataset, name, config)


BUILT_IN: tuple[Stage, ...] = (
    IngestStage(),
    CleanStage(),
    IntegrateStage(),
    ConvertStage(),
    TrainStage(keep=_keep),
    EvaluateStage(),
    PredictStage(),
)

for _stage in BUILT_IN:
    STAGES.register(_stage)


def in_order() -> tuple[Stage, ...]:
    """All stages in order: the built-in ones and, each after the stage that it names, those of plugins.

    Raises:
        ConfigError: a plugin's stage names no stage to follow.
    """
    order = list(BUILT_IN)
    added = [stage for stage in STAGES.values() if stage not in order]
    while added:
        names = [stage.name for stage in order]
        following = [stage for stage in added if stage.after in names]
        if not following:
            raise ConfigError("plugins", [Problem(f"stage {stage.name!r}", f"follows {stage.after!r}, which is not a "
                                                  "stage", nearest(stage.after, names)) for stage in added])
        for stage in reversed(following):
            order.insert(names.index(stage.after) + 1, stage)
            names.insert(names.index(stage.after) + 1, stage.name)
        added = [stage for stage in added if stage not in order]
    return tuple(order)


def find_stage(name: str, option: str) -> Stage:
    """The stage of that name. Raises ConfigError, naming the option and the nearest name, if there is none."""
    if name not in STAGES:
        raise ConfigError("command line", [Problem(option, f"there is no stage {name!r}", nearest(name, STAGES))])
    return STAGES[name]


def between(first: str | None, last: str | None) -> tuple[Stage, ...]:
    """The stages from `first` to `last`, both included. Raises ConfigError for an unknown or a reversed pair."""
    order = in_order()
    start = order.index(find_stage(first, "--from")) if first else 0
    end = order.index(find_stage(last, "--to")) if last else len(order) - 1
    if start > end:
        raise ConfigError("command line", [Problem("--from", f"{first} comes after --to {last}", "Swap them")])
    return order[start : end + 1]
