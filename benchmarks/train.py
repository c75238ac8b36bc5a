"""Train: two ranks that read the lake, against Keras' own `fit` on arrays in memory in one process with all cores.

A small CNN for CIFAR (four convolutions in two blocks, a dense layer; 0.27 million weights) in float32 with the same
global batch and optimizer; each rank gets an equal part of the cores as threads. The result is the median epoch,
without the first, in which graphs are traced and threads are started. A rank's share of waiting counts from the very
first step.

The zoo's `cnn` with default settings is measured too: one convolution and 0.93 million weights, nearly all in the dense
layer. A row takes a third of the time, and a step averages three times the bytes, so its ratio shows the cost of
averaging where there is little else to do. It has no bar.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, median
from typing import Any

from benchmarks.data import SPLIT, draw, make_dataset, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate, shares, shares_below
from benchmarks.timing import in_turn, ratio, warm_up

ROWS = 10_000
RANKS, EPOCHS, BATCH = 2, 4, 128
OURS, KERAS = f"laketrain, {RANKS} ranks on Spark", "Keras fit on arrays in memory"
MODELS: dict[str, dict[str, Any]] = {"small": {"name": "cnn", "filters": [32, 64], "convolutions": 2},
                                     "wide": {"name": "cnn"}}


@dataclass(frozen=True)
class Fitted:
    """Rows per second of the median epoch, and the parts of the time that ranks waited for data and averaged."""

    rate: float
    waiting: float = 0.0
    averaging: float = 0.0


def measure(options: Options) -> Result:
    rows, lake = options.rows or ROWS, str(options.folder / "lake")
    with fresh(options.folder, "laketrain") as laketrain, fresh(options.folder, "keras") as keras:
        options.report("making the dataset")
        ref, _ = laketrain(make_dataset, lake, rows, options.cores)
        warm_up({OURS: lambda: laketrain(fit_ranks, lake, ref, options.cores, "wide", 2),
                 KERAS: lambda: keras(fit_keras, lake, ref, rows, "wide", 2)}, options.report)
        sides: dict[str, Callable[[], Fitted]] = {}
        for model in MODELS:
            sides |= {label(OURS, model): partial(laketrain, fit_ranks, lake, ref, options.cores, model, EPOCHS),
                      label(KERAS, model): partial(keras, fit_keras, lake, ref, rows, model, EPOCHS)}
        result = in_turn(sides, options.pairs, options.report)
        laketrain(stop, options.cores)
    return compare(result, f"{options.title(rows)} of {EPOCHS} epochs, batch {BATCH}")


def label(side: str, model: str) -> str:
    """The name of a side with its model."""
    return f"{side}, {model} CNN"


def compare(trainings: Mapping[str, Sequence[Fitted]], title: str) -> Result:
    """Takes each round's fits."""
    rates = {side: [each.rate for each in fitted] for side, fitted in trainings.items()}
    ours, keras, ours_wide, keras_wide = (label(side, model) for model in MODELS for side in (OURS, KERAS))
    waiting, averaging = ([getattr(each, part) for each in trainings[ours]] for part in ("waiting", "averaging"))
    return Result("train", title, [
        Line(ours, rate(rates[ours])),
        Line(keras, rate(rates[keras]), "vs_keras_in_memory", ratio(rates[ours], rates[keras]), at_least(1.0)),
        Line("its ranks, waiting for data", shares(waiting), "waiting_share", median(waiting), shares_below(0.03)),
        Line("its ranks, averaging", shares(averaging)),
        Line(ours_wide, rate(rates[ours_wide])),
        Line(keras_wide, rate(rates[keras_wide]), "wide_vs_keras", ratio(rates[ours_wide], rates[keras_wide])),
    ])


# In the process with the Spark session, which keeps its ranks' Python processes between launches.


def fit_ranks(lake: str, ref: str, cores: int, model: str, epochs: int, backend: str = "auto") -> Fitted:
    from laketrain.distributed import launch
    from laketrain.train.fit import FitTask, fit

    task = FitTask(lake, ref, _config(model, epochs), name="benchmark", run="benchmark")
    ranks = launch(session_of(cores), partial(fit, task), RANKS, backend=backend)
    parts = ("waiting_s", "averaging_s", "computing_s")
    waiting, averaging = (mean(rank[part] / sum(rank[each] for each in parts) for rank in ranks) for part in parts[:2])
    return Fitted(median(epoch["rows_per_s"] for epoch in ranks[0]["history"][1:]), waiting, averaging)


def stop(cores: int) -> None:
    session_of(cores).stop()


# In Keras' process.

_arrays: dict[int, Any] = {}


def fit_keras(lake: str, ref: str, rows: int, model: str, epochs: int) -> Fitted:
    """Fits the same model, compiled with Keras' defaults, to the same rows."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    from laketrain.feed.dataset import Dataset
    from laketrain.train.compile import build_optimizer

    config = _config(model, epochs)
    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed)
    if rows not in _arrays:
        _arrays[rows] = draw(rows)
    images, labels = _arrays[rows]
    built = config.model.build(Dataset.at(lake, ref).features)
    built.compile(build_optimizer(config.optimizer), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    clock = _epoch_clock()
    built.fit(images, labels, batch_size=config.batch, epochs=epochs, verbose=0, callbacks=[clock])
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


def _config(model: str, epochs: int) -> Any:
    from laketrain.workload import Train

    return Train.model_validate({
        "model": MODELS[model], "split": SPLIT, "validation": None, "epochs": epochs, "batch": BATCH, "ranks": RANKS,
        "optimizer": {"name": "adam", "learning_rate": 0.001}, "checkpoint_epochs": epochs})
