"""Training as one rank does it; the same function in a unit test, in a notebook and on N ranks.

    result = fit(task, World(0, 1), report=print)
    results = launch(spark, partial(fit, task), ranks=2)

Every rank walks the same global batches, of which it has its lanes; gradients are averaged before each step. So the
weights are equal on all ranks, which the end verifies.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.config.train import Train
from laketrain.distributed.optimizer import distribute
from laketrain.distributed.world import World
from laketrain.errors import DataError, RankError
from laketrain.features import Label
from laketrain.feed.cache import DecodedCache
from laketrain.feed.dataset import Dataset
from laketrain.feed.feed import Feed
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake
from laketrain.models import parse_model
from laketrain.train.chance import reseed

if TYPE_CHECKING:
    import keras

    from laketrain.train.checkpoint import Checkpoints, State
    from laketrain.train.steps import Steps

Report = Callable[[dict[str, Any]], None]
REPORT_EVERY_S = 0.25


@dataclass(frozen=True)
class FitTask:
    """What ranks are told, as values.

    Attributes:
        lake: URL. dataset: e.g. `features/mnist@3`. config: the YAML's train section.
        name: of the model and its checkpoints. run: the identity by which checkpoints are found again.
        resume: the checkpoint's number to go on from, None to begin.
        output: where the chief writes the model, relative to the lake; empty for nowhere.
    """

    lake: str
    dataset: str
    config: Train
    name: str
    run: str
    resume: int | None = None
    output: str = ""


def fit(task: FitTask, world: World, report: Report) -> dict[str, Any]:
    """Trains from the beginning or from `task.resume` to the last epoch.

    Returns:
        history: a dict an epoch; weights: SHA-256 of the final weights; rank, waiting_s, computing_s of this rank.

    Raises:
        DataError: the loss is not finite. RankError: the ranks end with different weights.
    """
    import_tensorflow()
    from laketrain.train.checkpoint import Checkpoints

    dataset = Dataset.at(task.lake, task.dataset)
    checkpoints = Checkpoints(Lake(task.lake), task.name, task.run)
    config = task.config
    clock = _Clock()
    cache = None if config.cache is None else DecodedCache.of(config.cache, world.size)
    with dataset.feed(config.split, config.batch, lanes=config.lanes, seed=config.seed,
                      window_mb=config.shuffle_window_mb, cache=cache) as feed:
        model, state = _begin(task, dataset, checkpoints, world, feed.steps * config.epochs)
        _run_epochs(task, dataset, feed, model, state, checkpoints, world, report, clock)
    digest = weights_digest(model)
    _refuse_different(world.gather(digest))
    if task.output and world.is_chief:
        save_model(model, Lake(task.lake), task.output)
    return {"rank": world.rank, "history": state.history, "weights": digest, "parameters": model.count_params(),
            "waiting_s": clock.waiting, "computing_s": clock.computing}


def _begin(
    task: FitTask, dataset: Dataset, checkpoints: Checkpoints, world: World, steps: int
) -> tuple[keras.Model, State]:
    import keras
    import tensorflow as tf

    from laketrain.train.checkpoint import State
    from laketrain.train.compiling import compiled

    keras.utils.set_random_seed(task.config.seed)
    tf.config.experimental.enable_op_determinism()
    if task.resume is None:
        model, state = compiled(parse_model(task.config.model), dataset.features, task.config, steps), State()
        model.optimizer.build(model.trainable_variables)
    else:
        model, state = checkpoints.load(task.resume)
    world.broadcast_model(model, model.optimizer)
    distribute(model.optimizer, world)
    return model, state


def _run_epochs(task: FitTask, dataset: Dataset, feed: Feed, model: keras.Model, state: State,
                checkpoints: Checkpoints, world: World, report: Report, clock: _Clock) -> None:
    from laketrain.train.steps import Steps

    config = task.config
    if state.epochs >= config.epochs:
        return
    steps = Steps(model, config.batch, _class_weights(config, dataset))
    with closing(feed.steps_of(world.rank, world.size, state.epochs, epochs=config.epochs - state.epochs,
                               augment=config.augment)) as training:
        for epoch in range(state.epochs, config.epochs):
            reseed(model, config.seed, epoch, world.rank)
            started = time.monotonic()
            for step in range(feed.steps):
                with clock.waits():
                    batch = next(training)
                with clock.computes():
                    loss = float(steps.train(*batch))
                _refuse_nan(loss, world.rank, epoch, step, feed.steps)
                clock.tell(report, partial(_progress, step, epoch, started, feed, config, steps, world))
            seconds = time.monotonic() - started
            row: dict[str, Any] = {"epoch": epoch + 1, **steps.totals(world), **_validate(task, dataset, steps, world)}
            state.history.append({**row, "seconds": seconds, "rows_per_s": feed.rows / seconds})
            state.epochs = epoch + 1
            if world.is_chief and (state.epochs % config.checkpoint_epochs == 0 or state.epochs == config.epochs):
                checkpoints.save(model, state, seconds)
            report({"kind": "epoch", "epochs": config.epochs, **state.history[-1]})


def _class_weights(config: Train, dataset: Dataset) -> tuple[float, ...] | None:
    if config.class_weights is None:
        return None
    targets = list(dataset.features.targets.values())
    if len(targets) != 1 or not isinstance(targets[0], Label):
        raise DataError("train", "class_weights", f"the targets are {', '.join(dataset.features.targets)}",
                        "expected one label; remove 'train.class_weights'")
    return targets[0].balanced()


def _validate(task: FitTask, dataset: Dataset, steps: Steps, world: World) -> dict[str, float]:
    """Loss and metrics of the validation split, as `val_…`; every row counts once."""
    split = task.config.validation
    if split is None:
        return {}
    with (dataset.feed(split, task.config.batch, lanes=task.config.lanes, shuffle=False) as feed,
          closing(feed.steps_of(world.rank, world.size)) as batches):
        for batch in batches:
            steps.validate(*batch)
    return {f"val_{name}": value for name, value in steps.totals(world).items()}


def _progress(step: int, epoch: int, started: float, feed: Feed, config: Train, steps: Steps,
              world: World) -> dict[str, Any]:
    """What the driver's progress bar shows; ranks but the chief only say that they live."""
    if not world.is_chief:
        return {"kind": "step", "epoch": epoch + 1, "step": step + 1}
    done = (step + 1) * config.batch
    return {"kind": "step", "epoch": epoch + 1, "epochs": config.epochs, "step": step + 1, "steps": feed.steps,
            "rows_per_s": done / max(1e-9, time.monotonic() - started), **steps.running()}


def _refuse_nan(loss: float, rank: int, epoch: int, step: int, steps: int) -> None:
    if not math.isfinite(loss):
        raise DataError("train", f"rank {rank}, epoch {epoch + 1}, step {step + 1} of {steps}", f"the loss is {loss}",
                        "lower the learning rate, clip gradients (global_clipnorm), or look for NaN in the inputs")


def _refuse_different(digests: list[str]) -> None:
    for rank, digest in enumerate(digests):
        if digest != digests[0]:
            raise RankError("train", f"rank {rank}", "ended with other weights than rank 0",
                            "report this: ranks that see averaged gradients can't part", rank=rank)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 over the bytes of all weights, in the model's order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


def save_model(model: keras.Model, lake: Lake, output: str) -> None:
    """Writes `model.keras` into the directory `output` of the lake."""
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        local = Path(folder) / "model.keras"
        model.save(local)
        lake.store.put(str(local), f"{output}/model.keras")


class _Clock:
    """Where a rank's time went, and when it last spoke."""

    def __init__(self) -> None:
        self.waiting = self.computing = 0.0
        self._spoke = 0.0

    @contextmanager
    def waits(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.waiting += time.monotonic() - started

    @contextmanager
    def computes(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.computing += time.monotonic() - started

    def tell(self, report: Report, event: Callable[[], dict[str, Any]]) -> None:
        if time.monotonic() - self._spoke >= REPORT_EVERY_S:
            self._spoke = time.monotonic()
            report(event())
