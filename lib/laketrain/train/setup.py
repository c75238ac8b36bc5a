"""The start of a training on a rank: networks with fresh weights or from a checkpoint, equal on every rank.

    setup = set_up(task, dataset, checkpoints, world, first_batch)
    setup.networks, setup.state, setup.objective
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
from laketrain.models.networks import Networks
from laketrain.train.checkpoint import Checkpoints, State
from laketrain.train.compile import compile_networks, set_layer_rates
from laketrain.train.early_stopping import EpochMonitor
from laketrain.train.init_from import load_source
from laketrain.train.objective import Objective
from laketrain.train.precision import fast_precision

if TYPE_CHECKING:
    from laketrain.train.fit import FitTask

FirstBatch = Callable[[], tuple[Any, Any, Any, Any]]
# By what fraction the first loss may differ from that in float32.
_LOSS_TOLERANCE = 0.05


@dataclass(frozen=True)
class TrainingSetup:
    """Attributes:
        networks: compiled, with optimizers that average gradients over the ranks.
        note: a decision to report to the user, or empty.
    """

    networks: Networks
    state: State
    objective: Objective
    note: str


def set_up(task: FitTask, dataset: Dataset, checkpoints: Checkpoints, world: World,
           first_batch: FirstBatch) -> TrainingSetup:
    """The networks of `task` on this rank, with rank 0's weights.

    Args:
        first_batch: reads the first batch, on which `precision: auto` compares a short type with float32.
    """
    keras.utils.set_random_seed(task.config.seed)
    tf.config.experimental.enable_op_determinism()
    objective = Objective(dataset.features, task.config, task.user_code,
                          task.outputs_of(dataset.features))
    note = ""
    if task.resume is None:
        state = State(monitor=EpochMonitor.of(task.config).to_dict())
        networks, note = _fresh(task, dataset, objective, world, first_batch)
    else:
        networks, state = checkpoints.load(task.resume)
    for network in networks.values():
        world.broadcast_model(network, network.optimizer)
    set_layer_rates(networks, task.config.optimizer.layer_rates)
    for network in networks.values():
        synchronise_batch_norm(network, world)
        distribute(network.optimizer, world, task.config.optimizer.gradient_dtype)
    return TrainingSetup(networks, state, objective, note)


def _fresh(task: FitTask, dataset: Dataset, objective: Objective, world: World,
           first_batch: FirstBatch) -> tuple[Networks, str]:
    source = load_source(task.lake, task.config.init_from) if task.config.init_from else None

    def build(precision: str) -> Networks:
        keras.utils.set_random_seed(task.config.seed)
        return compile_networks(task.config, dataset.features, source, precision, task.user_code)

    if task.config.precision != "auto":
        return build(task.config.precision), ""
    fast = world.gather(fast_precision())[0]
    if fast == "float32":
        return build(fast), "precision: float32, since this machine is not quicker in a shorter type"
    exact, short = build("float32"), build(fast)
    losses = [_first_loss(networks.predicting, objective, first_batch()) for networks in (exact, short)]
    close = bool(world.gather(abs(losses[1] - losses[0]) <= _LOSS_TOLERANCE * abs(losses[0]))[0])
    reason = f"the first loss is {losses[1]:.4g}, in float32 {losses[0]:.4g}"
    if close:
        return short, f"precision: {fast}; {reason}"
    return exact, f"precision: float32, since in {fast} {reason}"


def _first_loss(model: keras.Model, objective: Objective, batch: tuple[Any, Any, Any, Any]) -> float:
    inputs, targets, weights, _ = batch
    truth = objective.truth(inputs, targets)
    total = objective.loss(truth, model(inputs, training=False), weights, training=False)
    return float(total.numpy()) / max(1.0, float(np.sum(weights.numpy())))
