"""Training on one rank; the same function in a unit test, in a notebook and on N ranks.

    result = fit(task, World(0, 1), report=print)
    results = launch(spark, partial(fit, task), ranks=2)

Every rank processes its lanes of the same global batches, and gradients are averaged before each update. So weights are
equal on all ranks, which each checkpoint verifies.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from laketrain.distributed import World
from laketrain.errors import LakeError
from laketrain.events import Hint, Report
from laketrain.features import FeatureSet
from laketrain.feed.cache import DecodedCache
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake
from laketrain.models.networks import Networks
from laketrain.models.saving import load_networks, save_networks
from laketrain.tasks import Output
from laketrain.train.user_code import unpack_user_code
from laketrain.train.weight_sync import weights_digest
from laketrain.workload import Train

if TYPE_CHECKING:
    from laketrain.train.checkpoint import Checkpoints, State


@dataclass(frozen=True)
class FitTask:
    """The input of every rank, as plain values.

    Attributes:
        lake: URL. dataset: e.g. `features/mnist@3`. config: the YAML's train section, for this number of ranks.
        name: of the model and its checkpoints. run: identifies the training's checkpoints.
        resume: number of the checkpoint to resume from, None to start afresh.
        output: the directory for the model, relative to the lake, which rank 0 writes; empty for none.
        user: the user's own functions, packed (`laketrain.train.user_code`).
        outputs: what the model learns; by default what the model itself declares.
    """

    lake: str
    dataset: str
    config: Train
    name: str
    run: str
    resume: int | None = None
    output: str = ""
    user: bytes = b""
    outputs: Mapping[str, Output] | None = None

    @cached_property
    def user_code(self) -> dict[str, Any]:
        """The user's own functions, by `module:function`."""
        return unpack_user_code(self.user)

    def outputs_of(self, features: FeatureSet) -> Mapping[str, Output]:
        """What the model learns of a dataset with these features."""
        return self.config.model.tasks(features) if self.outputs is None else self.outputs


def fit(task: FitTask, world: World, report: Report) -> dict[str, Any]:
    """Trains from the beginning or from `task.resume` to the last epoch.

    Returns:
        history: a dict for each epoch; times: each rank's seconds by epoch; weights: SHA-256 of the committed weights;
        best: the epoch they are of, and its value of the monitored metric; rank, where, waiting_s, computing_s,
            averaging_s of this rank.

    Raises:
        DataError: the loss is not finite, or weights differ between ranks.
    """
    import_tensorflow()
    from laketrain.train.checkpoint import Checkpoints
    from laketrain.train.loop import Loop
    from laketrain.train.setup import set_up

    dataset, config = Dataset.at(task.lake, task.dataset), task.config
    checkpoints = Checkpoints(Lake(task.lake), task.name, task.run, config.checkpoints)
    cache = None if config.cache is None else DecodedCache.of(config.cache, world.size)
    with dataset.feed(config.split, config.batch, lanes=config.lanes, seed=config.seed,
                      window_mb=config.shuffle_window_mb, cache=cache) as feed:

        def first_batch() -> tuple[Any, Any, Any, Any]:
            with closing(feed.batches(world.rank, world.size)) as batches:
                return next(batches)

        if world.is_chief and not world.is_serial and config.backend == "auto" and world.backend != "horovod":
            report(Hint(f"Horovod isn't installed for every rank: the backend {world.backend!r} connects them"))
        setup = set_up(task, dataset, checkpoints, world, first_batch)
        if setup.note and world.is_chief:
            report(Hint(setup.note))
        loop = Loop(task, dataset, feed, setup, checkpoints, world, report)
        loop.run()
    state, averaging_s = setup.state, loop.averaging_s
    networks = _select(setup.networks, state, config, checkpoints) if world.is_chief else setup.networks
    networks = _with_probabilities(networks, task.outputs_of(dataset.features), config)
    if task.output and world.is_chief:
        save_networks(networks, Lake(task.lake).store, task.output)
    return {"rank": world.rank, "where": _log_location(), "backend": None if world.is_serial else world.backend,
            "history": state.history, "times": state.times,
            "weights": weights_digest(networks), "best": _best(state, config), "parameters": networks.count_params,
            "waiting_s": loop.timer.waiting_s, "computing_s": loop.timer.computing_s - averaging_s,
            "averaging_s": averaging_s}


def _log_location() -> str:
    """Where to look for this rank's log: YARN's container (`yarn logs -containerId`), else the host or pod."""
    return os.environ.get("CONTAINER_ID") or socket.gethostname()


def _select(networks: Networks, state: State, config: Train, checkpoints: Checkpoints) -> Networks:
    """The networks to commit: of the best epoch or the last, with their moving averages if there are any."""
    if (epoch := _best(state, config)["epoch"]) != state.epochs:
        version = checkpoints.after(epoch)
        if version is None:
            raise LakeError("train", f"the checkpoint of epoch {epoch}", "which is the best, is gone: another run of "
                            "the same training has ended, or dropped it", "run it again")
        networks = load_networks(version)
    if config.optimizer.ema is not None:
        for network in networks.values():
            network.optimizer.finalize_variable_values(network.trainable_variables)
    return networks


def _with_probabilities(networks: Networks, outputs: Mapping[str, Output], config: Train) -> Networks:
    """The committed model outputs probabilities, even if it was trained on logits."""
    from laketrain.train.compile import with_probabilities

    if not config.model.gives_logits:
        return networks
    return networks.replace_predicting(with_probabilities(networks.predicting, outputs))


def _best(state: State, config: Train) -> dict[str, Any]:
    """The epoch whose model is committed, and why."""
    best = state.monitor["best_epoch"] if config.commits_best else 0  # 0 also if no value was a number
    return {"epoch": best or state.epochs, "monitor": state.monitor["monitor"], "value": state.monitor["best"],
            "keep": "best" if best else "last"}
