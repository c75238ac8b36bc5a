"""Training as the driver sees it: launch the ranks, show how they get on, relaunch from the checkpoint, commit.

    version = train(spark, dataset, "mnist", config, key, on_event=show)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.config.train import Train
from laketrain.distributed import launch
from laketrain.errors import LakeError, RankError
from laketrain.lake import Version, fingerprint
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.fit import FitTask, fit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 1

OnEvent = Callable[[int, dict[str, Any]], None]

# How a model is trained, but not what it becomes: changing these is no reason to train again.
_NO_MATTER = {"cache", "checkpoint_epochs", "max_restarts", "deadline_s"}


def fingerprint_train(dataset: Version, config: Train) -> str:
    """Of training on `dataset` so."""
    return fingerprint("train", REVISION, config.model_dump(mode="json", exclude=_NO_MATTER), [dataset])


def train(spark: SparkSession, dataset: Version, name: str, config: Train, key: str,
          on_event: OnEvent | None = None) -> Version:
    """Trains with `config.ranks` ranks and commits `models/<name>`.

    An interrupted training of the same config on the same data goes on from its last checkpoint, at any number of
    ranks. A rank that fails by itself (killed, hung) is answered by a relaunch from there, up to `max_restarts`; a
    mistake that would only happen again (the loss is NaN) is raised at once.
    """
    started = time.monotonic()
    lake = dataset.lake
    models = lake.table("models", name)
    checkpoints = Checkpoints(lake, name, _run_identity(models.versions(), dataset, config))
    tell = on_event or (lambda rank, event: None)
    _hint_at_few_row_groups(dataset, config, tell)
    with models.stage() as draft:
        task = FitTask(lake.url, dataset.ref, config, name, checkpoints.run, output=draft.path())
        results, restarts = _launch_until_done(spark, task, checkpoints, tell)
        chief = results[0]
        ranks = [{"rank": result["rank"], "waiting_s": result["waiting_s"], "computing_s": result["computing_s"]}
                 for result in results]
        version = draft.commit(
            stage="train", fingerprint=key, parents={dataset.table: dataset.number},
            counts={"rows": dataset.entry.counts["splits"][config.split], "epochs": len(chief["history"]),
                    "parameters": chief["parameters"]},
            meta={"history": chief["history"], "weights": chief["weights"], "ranks": ranks, "restarts": restarts,
                  "config": config.model_dump(mode="json"), "features": dataset.entry.meta["features"],
                  "windows": dataset.entry.meta.get("windows")},
            seconds=time.monotonic() - started,
        )
    checkpoints.finish()
    return version


def _hint_at_few_row_groups(dataset: Version, config: Train, tell: OnEvent) -> None:
    groups = sum(len(file.row_groups or []) for file in dataset.files(config.split))
    if 0 < groups < config.ranks:
        tell(0, {"kind": "hint", "text": f"{dataset.ref} has {groups} row groups in {config.split} for {config.ranks} "
                 "ranks, so several read the same one: a smaller 'convert.row_group_mb' is quicker"})


def _run_identity(committed: list[int], dataset: Version, config: Train) -> str:
    """By what a crashed training is found again, also by fewer or more ranks: they see the same global batches.

    Other than after a crash, `--force` begins anew: with each committed model the identity changes.
    """
    key = fingerprint_train(dataset, config.model_copy(update={"ranks": 1}))
    return fingerprint("run", REVISION, {"train": key, "after": max(committed, default=0)})


def _launch_until_done(
    spark: SparkSession, task: FitTask, checkpoints: Checkpoints, tell: OnEvent
) -> tuple[list[dict[str, Any]], int]:
    config, restarts = task.config, 0
    while True:
        found = checkpoints.latest()
        if found is not None:
            tell(0, {"kind": "resume", "epoch": found.entry.meta["epochs"], "checkpoint": found.ref})
        resumed = replace(task, resume=found.number if found else None)
        try:
            return launch(spark, partial(fit, resumed), config.ranks, deadline=config.deadline_s, on_event=tell,
                          name="train"), restarts
        except LakeError:
            # A second run of the same training drops what it has gone beyond: its newer checkpoint is as good.
            if found is None or found.number in checkpoints.versions():
                raise
        except RankError as error:
            if restarts == config.max_restarts:
                raise
            restarts += 1
            tell(error.rank or 0, {"kind": "restart", "attempt": restarts, "of": config.max_restarts,
                                   "cause": str(error)})
        checkpoints.lake.store.delete(task.output)
