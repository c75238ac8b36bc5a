"""Peers: the same rows to a trained model, by laketrain and by Horovod's Spark Keras estimator in its own environment.

    make bench NAME=peers      # the first time it builds that environment: some minutes, 2.5 GB in the user's cache

The zoo's `cnn` in float32, Adam, the same global batch, epochs, ranks, cores and share of validation rows. A fit goes
from rows as Parquet to a trained model; scoring goes from rows to predictions. Both start with a Spark session that has
read a row, and has run no Python on its executors yet. See benchmarks/peers/README.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import CLASSES, SHAPE, session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.peers.data import NAME, commit_rows, write_vectors
from benchmarks.peers.environment import provide
from benchmarks.result import Line, Result, at_least, rate, seconds, shares
from benchmarks.timing import in_turn, ratio
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import ModelManifest

ROWS = 40_000
RANKS, EPOCHS, BATCH, VALIDATION = 2, 2, 128, 0.1
FILTERS, KERNEL, DENSE = 32, 3, 128
# The estimator's transform calls Keras for each row: a part of the rows is enough to measure it.
SCORED = 2_000
OURS, PEER = "laketrain", "Horovod's Spark Keras estimator"
PARTS = {"prepare": "rows made ready (convert; the estimator's own Parquet)", "launch": "ranks, until they train",
         "epochs": "epochs", "after": "model brought home"}
SCRIPT = Path(__file__).with_name("horovod_estimator.py")


@dataclass(frozen=True)
class Fitted:
    """Seconds of the fit and of its parts, rows scored per second, the last epoch's accuracy on validation rows."""

    fit: float
    prepare: float
    launch: float
    epochs: float
    after: float
    transform: float
    accuracy: float


def measure(options: Options) -> Result:
    rows = options.rows or ROWS
    options.report("finding or making the old environment")
    python, vectors = provide(), options.folder / "vectors"
    options.report("making the rows")
    with fresh(options.folder, "data") as process:
        process(write_vectors, vectors, rows, options.cores)
        process(commit_table, str(options.folder / "lake"), rows, options.cores)
    result = in_turn({OURS: lambda: _ours(options), PEER: lambda: _peer(options, python, vectors, rows)},
                    options.pairs, options.report)
    title = options.title(rows, "images of 32×32×3 with a pattern for each class")
    return compare(result, f"{title}; {EPOCHS} epochs, {RANKS} ranks, batch {BATCH}")


def compare(fitted: Mapping[str, Sequence[Fitted]], title: str) -> Result:
    """Takes each round's fits: the whole, its parts, scoring, accuracy."""
    ours, peer = fitted[OURS], fitted[PEER]

    def lines(label: str, field: str, show: Any, ratios: Line) -> list[Line]:
        mine, theirs = ([getattr(fit, field) for fit in side] for side in (ours, peer))
        return [Line(f"{label}, {OURS}", show(mine)),
                Line(f"{label}, {PEER}", show(theirs), ratios.key, ratios.ratio, ratios.bar)]

    def over(field: str, key: str | None, limit: float | None = None, ours_first: bool = False) -> Line:
        mine, theirs = ([getattr(fit, field) for fit in side] for side in (ours, peer))
        above, below = (mine, theirs) if ours_first else (theirs, mine)
        if not all(below):  # a step that a side doesn't have takes no time
            return Line("", "")
        quotient = ratio(above, below)
        return Line("", "", key, quotient, at_least(limit) if limit else None)

    return Result("peers", title, [
        *lines("fit", "fit", seconds, over("fit", "fit_vs_horovod_estimator", 3)),
        *(line for part, label in PARTS.items() for line in lines(f"  {label}", part, seconds, over(part, None))),
        *lines("scoring", "transform", rate, over("transform", "transform_vs_horovod_estimator", 50, ours_first=True)),
        *lines("validation accuracy", "accuracy", shares, Line("", "")),
    ], against="laketrain is better by")


def _ours(options: Options) -> Fitted:
    with fresh(options.folder, "laketrain") as process:
        return process(fit_and_score, str(options.folder / "lake"), options.cores)


def _peer(options: Options, python: Path, vectors: Path, rows: int) -> Fitted:
    """Runs the peer in the old environment. Raises RuntimeError with its last lines."""
    folder = options.folder / f"horovod-{time.monotonic_ns()}"
    folder.mkdir()
    arguments = {"data": str(vectors), "folder": str(folder), "cores": options.cores, "ranks": RANKS, "epochs": EPOCHS,
                 "batch": BATCH, "validation": VALIDATION, "scored": min(SCORED, rows),
                 "network": [FILTERS, KERNEL, DENSE]}
    # Each rank has its part of the cores as threads, like ours; only the interpreter's own packages are visible.
    threads = str(max(1, options.cores // RANKS))
    environ = {**{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")},
               "PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": str(python), "TMPDIR": str(folder),
               "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}", "JAVA_HOME": _java(),
               "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads, "OMP_NUM_THREADS": threads}
    result = subprocess.run([str(python), str(SCRIPT), json.dumps(arguments)], env=environ, cwd=folder, text=True,
                            capture_output=True, check=False)
    if result.returncode:
        last = result.stderr.splitlines()[-40:]
        raise RuntimeError("\n".join(["Horovod's estimator failed. Its last lines:", *last]))
    return Fitted(**json.loads(result.stdout.splitlines()[-1]))


def _java() -> str:
    from laketrain.spark.java import find_java

    return str(find_java().path)


# In our process.


def commit_table(lake: str, rows: int, files: int) -> None:
    """Opens `integrated/peers`: a Version can't be sent to another process."""
    commit_rows(Lake(lake), rows, files)


def fit_and_score(lake: str, cores: int) -> Fitted:
    """Convert, train and predict, as the stages of a workload do them."""
    os.environ.pop("TF_NUM_INTRAOP_THREADS", None)  # laketrain sets the threads of each worker
    from laketrain.convert import convert
    from laketrain.train import train
    from laketrain.workload import Convert, Train

    spark, table = session_of(cores), Lake(lake).version(f"integrated/{NAME}")
    spark.read.parquet(table.url()).limit(1).collect()
    declared = {"image": {"kind": "image", "column": "pixels", "shape": list(SHAPE)},
                "label": {"kind": "label", "column": "label", "classes": CLASSES}}
    converting = Convert.model_validate({
        "table": NAME, "features": declared,
        "split": {"by": "name", "fractions": {"train": 1 - VALIDATION, "val": VALIDATION}}})
    training = Train.model_validate({
        "model": {"name": "cnn", "filters": FILTERS, "kernel": KERNEL, "dense": DENSE}, "epochs": EPOCHS,
        "batch": BATCH, "ranks": RANKS, "optimizer": {"name": "adam", "learning_rate": 0.001}, "seed": 1})
    started = time.monotonic()
    # Without a fingerprint, results of an earlier round aren't reused.
    dataset = convert(spark, table, NAME, converting, key="")
    converted = time.monotonic()
    model = train(spark, dataset, NAME, training, key="")
    ended = time.monotonic()
    history = ModelManifest.of(model).history
    epochs = sum(epoch["seconds"] for epoch in history)
    # The ranks commit the model: that time is part of the launch.
    return Fitted(ended - started, converted - started, ended - converted - epochs, epochs, 0.0,
                  score(spark, table, model), _accuracy(history[-1]))


def score(spark: Any, table: Version, model: Version) -> float:
    """Rows per second of scoring a table, lake to lake."""
    from laketrain.config.evaluate import Predict
    from laketrain.predict import predict

    config = Predict.model_validate({"table": NAME, "batch": 512})
    started = time.monotonic()
    predict(spark, table, model, NAME, config, key="")
    return table.rows / (time.monotonic() - started)


def _accuracy(epoch: Mapping[str, float]) -> float:
    return median(value for name, value in epoch.items() if name.startswith("val_") and name.endswith("accuracy"))
