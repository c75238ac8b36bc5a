"""The epochs of a training, as one rank runs them: steps, validation, monitoring, checkpoints.

    Loop(task, dataset, feed, setup, checkpoints, world, report).run()

All ranks decide the same, since metrics are merged over them. A checkpoint may be saved in the middle of an epoch: it
contains each rank's sums so far, so that even the history continues bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.distributed import World, average_accumulated_gradients, average_moving_statistics, gradient_sync_seconds
from laketrain.errors import DataError
from laketrain.events import EpochEnded, Hint, Report, StepEnded, ValidationStepEnded
from laketrain.feed.dataset import Dataset
from laketrain.feed.feed import Feed
from laketrain.train.accumulation import AccumulationGroups, updates_per_epoch
from laketrain.train.callbacks import UserCallbacks
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.compiled_step import CompiledStep
from laketrain.train.early_stopping import EpochMonitor
from laketrain.train.lr_schedule import learning_rate_at
from laketrain.train.non_finite import locate_rows
from laketrain.train.random_state import random_states, reseed, restore_random_states
from laketrain.train.setup import TrainingSetup
from laketrain.train.timing import StepTimer
from laketrain.train.train_step import choose_train_step
from laketrain.train.unchanged_weights import InitialWeights
from laketrain.train.user_code import wrap_step_errors
from laketrain.train.weight_sync import check_replicas_equal

if TYPE_CHECKING:
    from laketrain.train.fit import FitTask

_NON_FINITE_HINT = "lower the learning rate, clip gradients (global_clipnorm), or look for NaN in the inputs"


class Loop:
    """The state of a rank from epoch to epoch."""

    def __init__(self, task: FitTask, dataset: Dataset, feed: Feed, setup: TrainingSetup, checkpoints: Checkpoints,
                 world: World, report: Report) -> None:
        self._task, self._config, self._dataset, self._feed = task, task.config, dataset, feed
        self._networks, self._state, self._checkpoints = setup.networks, setup.state, checkpoints
        self._model = setup.networks.predicting
        self._world, self._report = world, report
        functions = task.user_code
        train_step = choose_train_step(task.config, functions)
        self._step = CompiledStep(train_step, setup.networks, setup.objective, world.size)
        self._groups = AccumulationGroups(setup.networks.optimizers)
        self._callbacks = UserCallbacks(task.config, functions, self._model, world.is_chief)
        self._monitor = EpochMonitor.from_dict(setup.state.monitor)
        self._first_step = 0
        self.timer = StepTimer()

    def run(self) -> None:
        """Runs from the state's epoch and step to the last epoch, or until early stopping."""
        state, config = self._state, self._config
        if state.epochs >= config.epochs or self._monitor.stop_training:
            return
        self._initial = InitialWeights.of(self._networks, state)
        self._callbacks.call("on_train_begin")
        with closing(self._feed.batches(self._world.rank, self._world.size, state.epochs, start_step=state.step,
                                         epochs=config.epochs - state.epochs, augment=config.augment)) as batches:
            while state.epochs < config.epochs and not self._monitor.stop_training:
                self._run_epoch(batches)
        self._callbacks.call("on_train_end")

    def _run_epoch(self, batches: Any) -> None:
        state, started, first = self._state, time.monotonic(), self._state.step
        self._first_step = first
        self._begin_epoch()
        self._set_learning_rate(first)
        self._callbacks.call("on_epoch_begin", state.epochs)
        self._sync_learning_rates()
        for step in range(first, self._feed.steps):
            self._run_step(step, started, batches)
        state.step = 0
        self._average_statistics()
        trained = self._step.totals(self._world)
        self._refuse_unchanged_weights(trained["loss"])
        row: dict[str, Any] = {"epoch": state.epochs + 1, **trained, **self._validate()}
        state.epochs += 1
        self._monitor.update(row, state.epochs, self._config)
        rate = float(self._model.optimizer.learning_rate) if self._config.callbacks else state.learning_rate
        self._callbacks.call("on_epoch_end", state.epochs - 1, dict(row))
        self._sync_learning_rates()
        self._monitor.stop_training = self._monitor.stop_training or self._any_callback_stops()
        state.monitor = self._monitor.to_dict()
        seconds = time.monotonic() - started
        rows = self._feed.rows * (self._feed.steps - first) / self._feed.steps
        state.history.append({**row, "learning_rate": rate, "seconds": seconds, "rows_per_s": rows / seconds})
        state.times.append(self._world.gather(self.timer.lap(self.averaging_s)))
        if self._checkpoint_due():
            self._save(seconds)
        self._report(EpochEnded(state.epochs, self._config.epochs, state.history[-1]))

    def _begin_epoch(self) -> None:
        """Starts the epoch, or continues in the middle of it."""
        state, rank = self._state, self._world.rank
        reseed(self._networks, self._config.seed, state.epochs, rank)
        if len(state.ranks) == self._world.size:
            restore_random_states(self._networks, state.ranks[rank]["random_states"])
            self._step.restore(state.ranks[rank]["sums"])
        elif state.ranks:  # saved by another number of ranks: rank 0 takes over the sums of all of them
            self._step.restore_merged([each["sums"] for each in state.ranks], self._world)
        state.ranks = []

    def _run_step(self, step: int, started: float, batches: Any) -> None:
        state, config, feed = self._state, self._config, self._feed
        subject = f"rank {self._world.rank}, epoch {state.epochs + 1}, step {step + 1} of {feed.steps}"
        with self.timer.waiting(), prefix_subject(subject):
            batch = next(batches)
        self._set_learning_rate(step)
        with self.timer.computing(), wrap_step_errors(config), self._groups.batch(last=step + 1 == feed.steps):
            loss = float(self._step.train(*batch))
        if not self._step.differentiable:
            raise DataError("train", "the loss", "depends on no weight of the model, so there is no gradient",
                            "make it of differentiable operations: no argmax, rounding or comparison on the way")
        if not math.isfinite(loss):
            rows = locate_rows(feed, self._world, state.epochs, step, batch)
            raise DataError("train", subject, f"the loss is {loss}{rows}", _NON_FINITE_HINT)
        self.timer.report(self._report, partial(self._progress, step, started))
        self._callbacks.call("on_train_batch_end", step, {"loss": loss})
        done = state.epochs * feed.steps + step + 1
        if config.checkpoint_steps and done % config.checkpoint_steps == 0 and step + 1 < feed.steps:
            self._save_within_epoch(step + 1, started)

    def _save_within_epoch(self, step: int, started: float) -> None:
        state = self._state
        state.step = step
        self._average_statistics()
        state.ranks = self._world.gather({"random_states": random_states(self._networks), "sums": self._step.sums()})
        self._save(time.monotonic() - started)
        state.ranks = []

    def _refuse_unchanged_weights(self, loss: float) -> None:
        """Checks after the first epoch that training has changed the weights.

        Unchanged weights are accepted where the model may be perfect already: its mean `loss` is 0 and isn't computed
        by the user's own code, or it starts from another model. Rank 0 then reports a hint.
        """
        problem = self._initial.problem(self._networks) if self._initial is not None else None
        self._initial = None
        if problem is None:
            return
        perfect = loss == 0 and self._step.step.zero_loss_is_perfect and not self._step.objective.of_user
        if self._config.init_from is None and not perfect:
            raise DataError("train", "epoch 1", *problem)
        if self._world.is_chief:
            text = "has changed no weight: its loss is 0, which leaves nothing to learn" if perfect else problem[0]
            self._report(Hint(f"epoch 1 {text}"))

    def _set_learning_rate(self, step: int) -> None:
        """Sets the rate of a step of this epoch. With `accumulate` the schedule counts updates of the weights."""
        optimizer, epochs = self._config.optimizer, self._state.epochs
        per_epoch = updates_per_epoch(self._feed.steps, optimizer.accumulate)
        update = epochs * per_epoch + step // optimizer.accumulate
        rate = learning_rate_at(optimizer, update, per_epoch * self._config.epochs, per_epoch) * self._monitor.lr_factor
        if rate != self._state.learning_rate:
            self._state.learning_rate = rate
            for each in self._networks.optimizers:
                each.learning_rate = rate

    def _sync_learning_rates(self) -> None:
        """Broadcasts the learning rates, which callbacks may have set, since only rank 0 calls them."""
        if self._config.callbacks:
            self._world.broadcast([optimizer.learning_rate for optimizer in self._networks.optimizers])

    def _any_callback_stops(self) -> bool:
        return bool(self._world.sum(int(self._callbacks.stop_training)) > 0)

    def _average_statistics(self) -> None:
        for network in self._networks.values():
            average_moving_statistics(network, self._world)

    def _validate(self) -> dict[str, float]:
        """Loss and metrics of the validation split, as `val_…`; every row counts once."""
        config, event = self._config, ValidationStepEnded(self._state.epochs + 1)
        if config.validation is None:
            return {}
        with (prefix_subject(f"rank {self._world.rank}, validation of epoch {self._state.epochs + 1}"),
              self._dataset.feed(config.validation, config.batch, lanes=config.lanes, shuffle=False) as feed,
              closing(feed.batches(self._world.rank, self._world.size)) as batches):
            for batch in batches:
                with wrap_step_errors(config):
                    self._step.validate(*batch)
                self.timer.report(self._report, lambda: event)
        return {f"val_{name}": value for name, value in self._step.totals(self._world).items()}

    def _checkpoint_due(self) -> bool:
        state, config = self._state, self._config
        return (state.epochs % config.checkpoint_epochs == 0 or state.epochs == config.epochs
                or self._monitor.stop_training or self._best_epoch() == state.epochs)

    def _best_epoch(self) -> int | None:
        return self._monitor.best_epoch if self._config.commits_best else None

    def _save(self, seconds: float) -> None:
        for optimizer in self._networks.optimizers:
            average_accumulated_gradients(optimizer, self._world)
        check_replicas_equal(self._networks, self._world)
        if self._world.is_chief:
            self._checkpoints.save(self._networks, self._state, seconds, self._best_epoch())

    @property
    def averaging_s(self) -> float:
        """Seconds that this rank has spent averaging gradients, waiting for other ranks included."""
        return sum(gradient_sync_seconds(optimizer) for optimizer in self._networks.optimizers)

    def _progress(self, step: int, started: float) -> StepEnded:
        """The event for the driver's progress bar. Ranks other than 0 only show that they are alive."""
        epoch = self._state.epochs + 1
        if not self._world.is_chief:
            return StepEnded(epoch, step + 1)
        rows = (step + 1 - self._first_step) * self._config.batch
        rows_per_s = rows / max(1e-9, time.monotonic() - started)
        return StepEnded(epoch, step + 1, self._config.epochs, self._feed.steps,
                         {"rows_per_s": rows_per_s, **self._step.running()})


@contextmanager
def prefix_subject(subject: str) -> Iterator[None]:
    """Adds rank and step to errors of the feed."""
    try:
        yield
    except DataError as error:
        raise DataError(error.stage, f"{subject}, {error.subject}", error.problem, error.hint) from error
