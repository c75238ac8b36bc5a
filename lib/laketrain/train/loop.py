"""The epochs of a training, as one rank walks them: steps, validation, verdict, checkpoint.

    Loop(task, dataset, feed, begun, checkpoints, world, report).run()

All ranks come to the same verdicts, since metrics are merged over them. A checkpoint can lie in the middle of an epoch:
it holds what each rank has counted so far, so that also the history goes on bit for bit.
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
from laketrain.train.begin import Begun
from laketrain.train.chance import chance_of, reseed, set_chance
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.clock import Clock
from laketrain.train.groups import Groups, updates_of
from laketrain.train.judge import Judge
from laketrain.train.parted import refuse_parted
from laketrain.train.rates import rate_at
from laketrain.train.steps import Steps
from laketrain.train.still import Still
from laketrain.train.suspects import told
from laketrain.train.user import UserCallbacks, blaming

if TYPE_CHECKING:
    from laketrain.train.fit import FitTask

_NO_NUMBER = "lower the learning rate, clip gradients (global_clipnorm), or look for NaN in the inputs"


class Loop:
    """What a rank needs from epoch to epoch."""

    def __init__(self, task: FitTask, dataset: Dataset, feed: Feed, begun: Begun, checkpoints: Checkpoints,
                 world: World, report: Report) -> None:
        self._task, self._config, self._dataset, self._feed = task, task.config, dataset, feed
        self._model, self._state, self._checkpoints = begun.model, begun.state, checkpoints
        self._world, self._report = world, report
        functions = task.user_code
        own = functions[task.config.step] if task.config.step else None
        self._steps = Steps(begun.model, begun.objective, world.size, own)
        self._groups = Groups(begun.model.optimizer)
        self._callbacks = UserCallbacks(task.config, functions, begun.model, world.is_chief)
        self._judge = Judge(**begun.state.judge)
        self._first = 0
        self.clock = Clock()

    def run(self) -> None:
        """Goes on from where the state stands to the last epoch, or until the verdict is to stop."""
        state, config = self._state, self._config
        if state.epochs >= config.epochs or self._judge.stop:
            return
        self._still = Still.of(self._model, state)
        self._callbacks.call("on_train_begin")
        with closing(self._feed.steps_of(self._world.rank, self._world.size, state.epochs, start_step=state.step,
                                         epochs=config.epochs - state.epochs, augment=config.augment)) as batches:
            while state.epochs < config.epochs and not self._judge.stop:
                self._epoch(batches)
        self._callbacks.call("on_train_end")

    def _epoch(self, batches: Any) -> None:
        state, started, first = self._state, time.monotonic(), self._state.step
        self._first = first
        self._enter()
        self._set_rate(first)
        self._callbacks.call("on_epoch_begin", state.epochs)
        self._agree_on_rate()
        for step in range(first, self._feed.steps):
            self._step(step, started, batches)
        state.step = 0
        average_moving_statistics(self._model, self._world)
        learnt = self._steps.totals(self._world)
        self._refuse_still(learnt["loss"])
        row: dict[str, Any] = {"epoch": state.epochs + 1, **learnt, **self._validate()}
        state.epochs += 1
        self._judge.see(row, state.epochs, self._config)
        rate = float(self._model.optimizer.learning_rate) if self._config.callbacks else state.rate
        self._callbacks.call("on_epoch_end", state.epochs - 1, dict(row))
        self._agree_on_rate()
        self._judge.stop = self._judge.stop or self._world.sum(int(self._callbacks.stop)) > 0
        state.judge = self._judge.to_dict()
        seconds = time.monotonic() - started
        done = self._feed.rows * (self._feed.steps - first) / self._feed.steps
        state.history.append({**row, "learning_rate": rate, "seconds": seconds, "rows_per_s": done / seconds})
        state.times.append(self._world.gather(self.clock.lap(gradient_sync_seconds(self._model.optimizer))))
        if self._due():
            self._save(seconds)
        self._report(EpochEnded(state.epochs, self._config.epochs, state.history[-1]))

    def _enter(self) -> None:
        """Begins the epoch, or goes on in the middle of it."""
        state, rank = self._state, self._world.rank
        reseed(self._model, self._config.seed, state.epochs, rank)
        if len(state.ranks) == self._world.size:
            set_chance(self._model, state.ranks[rank]["chance"])
            self._steps.restore(state.ranks[rank]["sums"])
        elif state.ranks:  # of another number of ranks: the chief goes on counting for all of them
            self._steps.restore_merged([each["sums"] for each in state.ranks], self._world)
        state.ranks = []

    def _step(self, step: int, started: float, batches: Any) -> None:
        state, config, feed = self._state, self._config, self._feed
        where = f"rank {self._world.rank}, epoch {state.epochs + 1}, step {step + 1} of {feed.steps}"
        with self.clock.waits(), named(where):
            batch = next(batches)
        self._set_rate(step)
        with self.clock.computes(), blaming(config), self._groups.batch(last=step + 1 == feed.steps):
            loss = float(self._steps.train(*batch))
        if not self._steps.sloped:
            raise DataError("train", "the loss", "depends on no weight of the model, so there is nothing to follow",
                            "make it of differentiable operations: no argmax, rounding or comparison on the way")
        if not math.isfinite(loss):
            raise DataError("train", where, f"the loss is {loss}{told(feed, self._world, state.epochs, step, batch)}",
                            _NO_NUMBER)
        self.clock.tell(self._report, partial(self._progress, step, started))
        self._callbacks.call("on_train_batch_end", step, {"loss": loss})
        done = state.epochs * feed.steps + step
        if config.checkpoint_steps and (done + 1) % config.checkpoint_steps == 0 and step + 1 < feed.steps:
            state.step = step + 1
            average_moving_statistics(self._model, self._world)
            state.ranks = self._world.gather({"chance": chance_of(self._model), "sums": self._steps.sums()})
            self._save(time.monotonic() - started)
            state.ranks = []

    def _refuse_still(self, loss: float) -> None:
        """After the first epoch: a training whose weights stay as they were must not be committed as one, unless its
        mean `loss`, which isn't the user's own code, is 0 and leaves nothing to learn."""
        why = self._still.why(self._model) if self._still is not None else None
        self._still = None
        if why is None:
            return
        own = self._steps.objective.of_user or self._config.step is not None
        perfect = loss == 0 and not own
        if self._config.init_from is None and not perfect:
            raise DataError("train", "epoch 1", *why)
        if self._world.is_chief:  # a model that knows all of it already
            text = "has changed no weight: its loss is 0, which leaves nothing to learn" if perfect else why[0]
            self._report(Hint(f"epoch 1 {text}"))

    def _set_rate(self, step: int) -> None:
        """Of a step of this epoch. With `accumulate` it is the step of the weights that counts."""
        optimizer, epochs = self._config.optimizer, self._state.epochs
        each = updates_of(self._feed.steps, optimizer.accumulate)
        update = epochs * each + step // optimizer.accumulate
        rate = rate_at(optimizer, update, each * self._config.epochs, each) * self._judge.factor
        if rate != self._state.rate:
            self._state.rate = rate
            self._model.optimizer.learning_rate = rate

    def _agree_on_rate(self) -> None:
        """Callbacks may set the learning rate, and only the chief calls them."""
        if self._config.callbacks:
            self._world.broadcast([self._model.optimizer.learning_rate])

    def _validate(self) -> dict[str, float]:
        """Loss and metrics of the validation split, as `val_…`; every row counts once."""
        config, event = self._config, ValidationStepEnded(self._state.epochs + 1)
        if config.validation is None:
            return {}
        with (named(f"rank {self._world.rank}, validation of epoch {self._state.epochs + 1}"),
              self._dataset.feed(config.validation, config.batch, lanes=config.lanes, shuffle=False) as feed,
              closing(feed.steps_of(self._world.rank, self._world.size)) as batches):
            for batch in batches:
                with blaming(config):
                    self._steps.validate(*batch)
                self.clock.tell(self._report, lambda: event)
        return {f"val_{name}": value for name, value in self._steps.totals(self._world).items()}

    def _due(self) -> bool:
        state, config = self._state, self._config
        return (state.epochs % config.checkpoint_epochs == 0 or state.epochs == config.epochs or self._judge.stop
                or self._best() == state.epochs)

    def _best(self) -> int | None:
        return self._judge.best_epoch if self._config.commits_best else None

    def _save(self, seconds: float) -> None:
        average_accumulated_gradients(self._model.optimizer, self._world)
        refuse_parted(self._model, self._world)
        if self._world.is_chief:
            self._checkpoints.save(self._model, self._state, seconds, self._best())

    def _progress(self, step: int, started: float) -> StepEnded:
        """What the driver's progress bar shows; ranks but the chief only say that they live."""
        epoch = self._state.epochs + 1
        if not self._world.is_chief:
            return StepEnded(epoch, step + 1)
        done = (step + 1 - self._first) * self._config.batch
        rows_per_s = done / max(1e-9, time.monotonic() - started)
        return StepEnded(epoch, step + 1, self._config.epochs, self._feed.steps,
                         {"rows_per_s": rows_per_s, **self._steps.running()})



@contextmanager
def named(where: str) -> Iterator[None]:
    """An error of the feed says on which rank and at which step it came."""
    try:
        yield
    except DataError as error:
        raise DataError(error.stage, f"{where}, {error.subject}", error.problem, error.hint) from error
