"""Training as one rank does it; the same function in a unit test, in a notebook and on N ranks.

    result = fit(task, World(0, 1), report=print)
    results = launch(spark, partial(fit, task), ranks=2)

Every rank walks the same global batches, of which it has its lanes; gradients are averaged before each step. So the
weights are equal on all ranks, which each checkpoint verifies.
"""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.distributed import World, gradient_sync_seconds
from laketrain.errors import LakeError
from laketrain.events import Hint, Report
from laketrain.feed.cache import DecodedCache
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake
from laketrain.train.parted import weights_digest
from laketrain.train.user import unpack_user_code
from laketrain.workload import Train

if TYPE_CHECKING:
    import keras

    from laketrain.train.checkpoint import Checkpoints, State


@dataclass(frozen=True)
class FitTask:
    """What ranks are told, as values.

    Attributes:
        lake: URL. dataset: e.g. `features/mnist@3`. config: the YAML's train section, as this number of ranks has it.
        name: of the model and its checkpoints. run: the identity by which checkpoints are found again.
        resume: the checkpoint's number to go on from, None to begin.
        output: where the chief writes the model, relative to the lake; empty for nowhere.
        user: the user's own functions, packed (`laketrain.train.user`).
    """

    lake: str
    dataset: str
    config: Train
    name: str
    run: str
    resume: int | None = None
    output: str = ""
    user: bytes = b""

    @cached_property
    def user_code(self) -> dict[str, Any]:
        """The user's own functions, by `module:function`."""
        return unpack_user_code(self.user)


def fit(task: FitTask, world: World, report: Report) -> dict[str, Any]:
    """Trains from the beginning or from `task.resume` to the last epoch.

    Returns:
        history: a dict an epoch; times: each rank's seconds by epoch; weights: SHA-256 of the committed weights;
        best: the epoch they are of, and how it was judged; rank, where, waiting_s, computing_s, averaging_s of this
            rank.

    Raises:
        DataError: the loss is not finite; the ranks have parted.
    """
    import_tensorflow()
    from laketrain.train.begin import begin
    from laketrain.train.checkpoint import Checkpoints
    from laketrain.train.loop import Loop

    dataset, config = Dataset.at(task.lake, task.dataset), task.config
    checkpoints = Checkpoints(Lake(task.lake), task.name, task.run, config.checkpoints)
    cache = None if config.cache is None else DecodedCache.of(config.cache, world.size)
    with dataset.feed(config.split, config.batch, lanes=config.lanes, seed=config.seed,
                      window_mb=config.shuffle_window_mb, cache=cache) as feed:

        def first() -> tuple[Any, Any, Any, Any]:
            with closing(feed.steps_of(world.rank, world.size)) as batches:
                return next(batches)

        begun = begin(task, dataset, checkpoints, world, first)
        if begun.note and world.is_chief:
            report(Hint(begun.note))
        loop = Loop(task, dataset, feed, begun, checkpoints, world, report)
        loop.run()
    state, averaged = begun.state, gradient_sync_seconds(begun.model.optimizer)
    model = _chosen(begun.model, state, config, checkpoints) if world.is_chief else begun.model
    model = _of_probabilities(model, dataset, config)
    if task.output and world.is_chief:
        save_model(model, Lake(task.lake), task.output)
    return {"rank": world.rank, "where": _where(), "history": state.history, "times": state.times,
            "weights": weights_digest(model), "best": _verdict(state, config), "parameters": model.count_params(),
            "waiting_s": loop.clock.waiting, "computing_s": loop.clock.computing - averaged, "averaging_s": averaged}


def _where() -> str:
    """By what one finds this rank's log: YARN's container, `yarn logs -containerId`, else the host (a pod's name)."""
    return os.environ.get("CONTAINER_ID") or socket.gethostname()


def _chosen(model: keras.Model, state: State, config: Train, checkpoints: Checkpoints) -> keras.Model:
    """The model to be committed: of the last epoch, or of the best; with its moving mean, where it has one."""
    from laketrain.train.checkpoint import load_model

    if (epoch := _verdict(state, config)["epoch"]) != state.epochs:
        found = checkpoints.after(epoch)
        if found is None:
            raise LakeError("train", f"the checkpoint of epoch {epoch}", "which is the best, is gone: another run of "
                            "the same training has ended, or dropped it", "run it again")
        model = load_model(found)
    if config.optimizer.ema is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return model


def _of_probabilities(model: keras.Model, dataset: Dataset, config: Train) -> keras.Model:
    """What is committed says probabilities, also where training went by logits."""
    from laketrain.train.compiling import with_probabilities

    return with_probabilities(model, dataset.features) if config.model.gives_logits else model


def _verdict(state: State, config: Train) -> dict[str, Any]:
    """Which epoch's model is committed, and by what."""
    best = state.judge["best_epoch"] if config.commits_best else 0  # 0 also where no value was a number
    return {"epoch": best or state.epochs, "monitor": state.judge["monitor"], "value": state.judge["best"],
            "keep": "best" if best else "last"}


def save_model(model: keras.Model, lake: Lake, output: str) -> None:
    """Writes `model.keras` into the directory `output` of the lake."""
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        local = Path(folder) / "model.keras"
        model.save(local)
        lake.store.put(str(local), f"{output}/model.keras")
