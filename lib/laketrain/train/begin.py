"""How a training begins: the model as the seed makes it, or as a checkpoint left it, the same on every rank.

    begun = begin(task, dataset, checkpoints, world, first_batch)
    begun.model, begun.state, begun.objective
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from laketrain.distributed import World, distribute, synchronise_batch_norm
from laketrain.feed.dataset import Dataset
from laketrain.train.checkpoint import Checkpoints, State
from laketrain.train.compiling import compiled, set_layer_rates
from laketrain.train.judge import Judge
from laketrain.train.objective import Objective
from laketrain.train.precision import fast_precision
from laketrain.train.source import load_source

if TYPE_CHECKING:
    from laketrain.train.fit import FitTask

FirstBatch = Callable[[], tuple[Any, Any, Any, Any]]
# How much the first loss may differ from that of float32, as a part of it.
_SAME = 0.05


@dataclass(frozen=True)
class Begun:
    """Attributes:
        model: compiled, with an optimizer that averages over the ranks. note: what was decided, for people; or empty.
    """

    model: keras.Model
    state: State
    objective: Objective
    note: str


def begin(task: FitTask, dataset: Dataset, checkpoints: Checkpoints, world: World, first: FirstBatch) -> Begun:
    """The model of `task` on this rank, with the chief's numbers.

    Args:
        first: gives the first batch, by which a short type is held against float32.
    """
    keras.utils.set_random_seed(task.config.seed)
    tf.config.experimental.enable_op_determinism()
    objective = Objective(dataset.features, task.config, task.user_code)
    note = ""
    if task.resume is None:
        state = State(judge=Judge.of(task.config).to_dict())
        model, note = _fresh(task, dataset, objective, world, first)
    else:
        model, state = checkpoints.load(task.resume)
    world.broadcast_model(model, model.optimizer)
    set_layer_rates(model, task.config.optimizer.layer_rates)
    synchronise_batch_norm(model, world)
    distribute(model.optimizer, world, task.config.optimizer.gradient_dtype)
    return Begun(model, state, objective, note)


def _fresh(task: FitTask, dataset: Dataset, objective: Objective, world: World,
           first: FirstBatch) -> tuple[keras.Model, str]:
    source = load_source(task.lake, task.config.init_from) if task.config.init_from else None

    def made(precision: str) -> keras.Model:
        keras.utils.set_random_seed(task.config.seed)
        return compiled(task.config, dataset.features, source, precision, task.user_code)

    if task.config.precision != "auto":
        return made(task.config.precision), ""
    quick = world.gather(fast_precision())[0]
    if quick == "float32":
        return made(quick), "precision: float32, since this machine is not quicker in a shorter type"
    plain, short = made("float32"), made(quick)
    losses = [_first_loss(model, objective, first()) for model in (plain, short)]
    alike = bool(world.gather(abs(losses[1] - losses[0]) <= _SAME * abs(losses[0]))[0])
    said = f"the first loss is {losses[1]:.4g}, in float32 {losses[0]:.4g}"
    return (short, f"precision: {quick}; {said}") if alike else (plain, f"precision: float32, since in {quick} {said}")


def _first_loss(model: keras.Model, objective: Objective, batch: tuple[Any, Any, Any, Any]) -> float:
    inputs, targets, weights, _ = batch
    total = objective.loss(targets, model(inputs, training=False), weights, training=False)
    return float(total.numpy()) / max(1.0, float(np.sum(weights.numpy())))
