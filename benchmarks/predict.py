"""Predict: a table scored by a committed model, lake to lake, against Keras' `predict` on arrays in memory.

The zoo's `cnn` in float32 with initial weights, in equal batches. Ours is the whole stage: it reads the table, checks
and decodes rows, and writes and commits classes, probabilities and quarantine, on as many Spark slots as cores. Keras
has its images as an array already, all cores as threads in one process, and keeps its predictions in memory.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.data import NOISE, commit_table, convert_table, draw, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate
from benchmarks.timing import in_turn, ratio, warm_up
from laketrain.lake import Lake, Version

ROWS = 200_000
BATCH = 512
OURS, KERAS = "laketrain predict, lake to lake", "Keras predict on an array in memory"
# The model's features are fitted to these; more and other rows are scored.
_LEARNT_ON = 1_000


def measure(options: Options) -> Result:
    rows, lake = options.rows or ROWS, str(options.folder / "lake")
    with fresh(options.folder, "laketrain") as laketrain, fresh(options.folder, "keras") as keras:
        options.report("making the table and the model")
        model = laketrain(prepare, lake, rows, options.cores)
        sides: dict[str, Callable[[], float]] = {
            OURS: lambda: rows / laketrain(time_laketrain, options.cores),
            KERAS: lambda: rows / keras(time_keras, lake, model, rows),
        }
        warm_up(sides, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        laketrain(stop, options.cores)
    return compare(figures, f"{options.title(rows)}, batch {BATCH}")


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Takes rows per second of each round."""
    ours, keras = figures[OURS], figures[KERAS]
    return Result("predict", title, [
        Line(OURS, rate(ours)),
        Line(KERAS, rate(keras), "vs_keras_predict", ratio(ours, keras), at_least(0.9)),
    ])


# In the process that has the Spark session.

_table: Version
_model: Version


def prepare(lake: str, rows: int, cores: int) -> str:
    """The `ref` of the model."""
    global _table, _model
    # Spark's workers share the cores: laketrain sets the threads of each.
    os.environ.pop("TF_NUM_INTRAOP_THREADS", None)
    dataset = convert_table(session_of(cores), commit_table(Lake(lake), min(rows, _LEARNT_ON), cores))
    _table, _model = commit_table(Lake(lake), rows, files=cores), commit_model(dataset)
    return _model.ref


def commit_model(dataset: Version) -> Version:
    """`models/images`, untrained: scoring takes as long as with a trained one."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    from laketrain.feed.dataset import Dataset
    from laketrain.lake.manifests import ModelManifest
    from laketrain.models import parse_model

    opened = Dataset(dataset)
    model = parse_model({"name": "cnn"}).build(opened.features)
    with dataset.lake.table("models", NOISE.name).stage() as draft, tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        dataset.lake.store.put(f"{folder}/model.keras", draft.path("model.keras"))
        return draft.commit(stage="train", parents={dataset.table: dataset.number},
                            meta=ModelManifest(features=opened.manifest.features).to_meta())


def stop(cores: int) -> None:
    session_of(cores).stop()


def time_laketrain(cores: int) -> float:
    """Seconds to the commit."""
    from laketrain.config.evaluate import Predict
    from laketrain.predict import predict

    config = Predict.model_validate({"table": NOISE.name, "batch": BATCH})
    os.sync()  # this turn doesn't wait until files of others are on disk
    started = time.monotonic()
    version = predict(session_of(cores), _table, _model, NOISE.name, config, key="")
    seconds = time.monotonic() - started
    if version.rows != _table.rows:
        raise RuntimeError(f"scored {version.rows} rows of {_table.rows}")
    return seconds


# In Keras' process, which keeps images and model from turn to turn.

_ready: dict[str, Any] = {}


def time_keras(lake: str, ref: str, rows: int) -> float:
    """Seconds to the last probability."""
    if not _ready:
        from laketrain.models.saving import load_model

        _ready.update(model=load_model(Lake(lake).version(ref)), images=draw(rows)[0])
    started = time.monotonic()
    probabilities = _ready["model"].predict(_ready["images"], batch_size=BATCH, verbose=0)
    seconds = time.monotonic() - started
    if len(probabilities) != rows:
        raise RuntimeError(f"scored {len(probabilities)} rows of {rows}")
    return seconds
