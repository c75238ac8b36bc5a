"""Train: two ranks that read the lake, against Keras' own `fit` on arrays in memory in one process with all cores.

The zoo's `cnn` in float32 with the same global batch and optimizer; each rank gets an equal part of the cores as
threads. What counts is the median epoch, without the first, in which graphs are traced and threads are started. A
rank's share of waiting counts from the first step of all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, median
from typing import Any

from benchmarks.data import SPLIT, draw, make_dataset, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate, shares, shares_below
from benchmarks.timing import in_turn, ratio, warm_up

ROWS = 20_000
RANKS, EPOCHS, BATCH = 2, 4, 128
OURS, KERAS = f"laketrain, {RANKS} ranks on Spark", "Keras fit on arrays in memory"


@dataclass(frozen=True)
class Fitted:
    """Rows per second of the median epoch, and which part of their time the ranks waited for data."""

    rate: float
    waiting: float = 0.0


def measure(options: Options) -> Result:
    rows, lake = options.rows or ROWS, str(options.folder / "lake")
    with fresh(options.folder, "laketrain") as laketrain, fresh(options.folder, "keras") as keras:
        options.tell("making the dataset")
        ref, _ = laketrain(make_dataset, lake, rows, options.cores)
        warm_up({OURS: lambda: laketrain(fit_ranks, lake, ref, options.cores, 2),
                 KERAS: lambda: keras(fit_keras, lake, ref, rows, 2)}, options.tell)
        found: dict[str, list[Fitted]] = in_turn({
            OURS: lambda: laketrain(fit_ranks, lake, ref, options.cores, EPOCHS),
            KERAS: lambda: keras(fit_keras, lake, ref, rows, EPOCHS)}, options.pairs, options.tell)
        laketrain(stop, options.cores)
    return compare(found, f"{options.title(rows)} of {EPOCHS} epochs, batch {BATCH}")


def compare(found: Mapping[str, Sequence[Fitted]], title: str) -> Result:
    """Of each round's fits."""
    rates = {who: [each.rate for each in fitted] for who, fitted in found.items()}
    waiting = [each.waiting for each in found[OURS]]
    return Result("train", title, [
        Line(OURS, rate(rates[OURS])),
        Line(KERAS, rate(rates[KERAS]), "vs_keras_in_memory", ratio(rates[OURS], rates[KERAS]), at_least(1.0)),
        Line("laketrain, waiting for data", shares(waiting), "waiting_share", median(waiting), shares_below(0.03)),
    ])


# In the process with the Spark session, which keeps its ranks' Python processes from launch to launch.


def fit_ranks(lake: str, ref: str, cores: int, epochs: int) -> Fitted:
    from laketrain.distributed import launch
    from laketrain.train.fit import FitTask, fit

    task = FitTask(lake, ref, _config(epochs), name="benchmark", run="benchmark")
    ranks = launch(session_of(cores), partial(fit, task), RANKS)
    waiting = mean(rank["waiting_s"] / (rank["waiting_s"] + rank["computing_s"] + rank["averaging_s"])
                   for rank in ranks)
    return Fitted(median(epoch["rows_per_s"] for epoch in ranks[0]["history"][1:]), waiting)


def stop(cores: int) -> None:
    session_of(cores).stop()


# In Keras' process.

_arrays: dict[int, Any] = {}


def fit_keras(lake: str, ref: str, rows: int, epochs: int) -> Fitted:
    """The same model, compiled as Keras does where nothing else is asked, on the rows that the dataset was made of."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    from laketrain.feed.dataset import Dataset
    from laketrain.models import parse_model
    from laketrain.train.compiling import build_optimizer

    config = _config(epochs)
    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed)
    if rows not in _arrays:
        _arrays[rows] = draw(rows)
    images, labels = _arrays[rows]
    model = parse_model(config.model).build(Dataset.at(lake, ref).features)
    model.compile(build_optimizer(config.optimizer), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    clock = _epoch_clock()
    model.fit(images, labels, batch_size=config.batch, epochs=epochs, verbose=0, callbacks=[clock])
    return Fitted(median(rows / seconds for seconds in clock.seconds[1:]))


def _epoch_clock() -> Any:
    import keras

    class EpochClock(keras.callbacks.Callback):
        """Seconds of each epoch."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._started = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds.append(time.monotonic() - self._started)

    return EpochClock()


def _config(epochs: int) -> Any:
    from laketrain.config.train import Train

    return Train.model_validate({
        "model": {"name": "cnn"}, "split": SPLIT, "validation": None, "epochs": epochs, "batch": BATCH, "ranks": RANKS,
        "optimizer": {"name": "adam", "learning_rate": 0.001}, "checkpoint_epochs": epochs})
