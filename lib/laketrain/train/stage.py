"""Training as the driver sees it: launch the ranks, show how they get on, relaunch from the checkpoint, commit.

    version = train(spark, dataset, "mnist", config, key, on_event=show)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median_low
from typing import TYPE_CHECKING, Any

from laketrain.config.train import Ranks, ranks_of
from laketrain.distributed import launch
from laketrain.distributed.launch.slots import slots_for
from laketrain.errors import LakeError, LaunchError, RankError, StorageError
from laketrain.events import Hint, OnEvent, Restarted, Resumed
from laketrain.lake import Version, fingerprint, lease
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.fit import FitTask, fit
from laketrain.train.source import pin_source, source_content, source_parent
from laketrain.train.trial import try_model
from laketrain.train.user import pack_user_code, source_of
from laketrain.train.vain import in_vain
from laketrain.workload import Train
from laketrain.workload.former import former_train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 3

# How a model is trained, but not what it becomes: changing these is no reason to train again.
_NO_MATTER = {"retrain_when", "cache", "checkpoint_epochs", "checkpoint_steps", "checkpoints", "max_restarts",
              "deadline_s"}
# A rank that computes so much longer than the middle one is named.
_SLOW = 1.3


def fingerprint_train(dataset: Version, config: Train) -> str:
    """Of training on `dataset` so, from the weights that `init_from` names now."""
    settings = former_train(config.model_dump(mode="json", exclude=_NO_MATTER))
    if config.init_from is not None:
        settings["init_from"] = source_content(dataset.lake, config.init_from)
    return fingerprint("train", REVISION, {**settings, "user": source_of(config)}, [dataset])


def train(spark: SparkSession, dataset: Version, name: str, config: Train, key: str,
          on_event: OnEvent | None = None) -> Version:
    """Trains with `config.ranks` ranks and commits `models/<name>`.

    An interrupted training of the same config on the same data goes on from its last checkpoint, at any number of
    ranks. A rank that fails by itself (killed, hung, its storage away) is answered by a relaunch from there, up to
    `max_restarts`, with fewer ranks where executors are gone and `ranks` allows it; a mistake that would only happen
    again (the loss is NaN, code of the user's own raises) is raised at once. A model of the user's own is built and
    tried by the driver, before any rank is launched. Of jobs that run the same training, on whatever ranks, one is at
    it at a time: they would drop each other's checkpoints.
    """
    tell = on_event or (lambda rank, event: None)
    training, path = _training(dataset, config), f"checkpoints/{name}"
    with lease(dataset.lake, path, training, lambda who: tell(0, Hint(f"{path}: {who}"))):
        return _trained(spark, dataset, name, config, key, training, tell)


def _trained(spark: SparkSession, dataset: Version, name: str, config: Train, key: str, training: str,
             tell: OnEvent) -> Version:
    started = time.monotonic()
    try_model(dataset, config)
    for text in in_vain(config.on(config.ranks.max), dataset.entry.counts["splits"].get(config.split, 0)):
        tell(0, Hint(text))
    lake = dataset.lake
    models = lake.table("models", name)
    checkpoints = Checkpoints(lake, name, _run_identity(models.versions(), training), config.checkpoints)
    user, parents = pack_user_code(config), {dataset.table: dataset.number}
    if config.init_from is not None:
        pinned = pin_source(lake, config.init_from)
        config, parents = config.model_copy(update={"init_from": pinned}), {**parents, **source_parent(pinned)}
    with models.stage() as draft:
        task = FitTask(lake.url, dataset.ref, config, name, checkpoints.run, output=draft.path(), user=user)
        results, restarts = _launch_until_done(spark, dataset, task, checkpoints, tell)
        chief = results[0]
        ranks = [{key: result[key] for key in ("rank", "where", "waiting_s", "computing_s", "averaging_s")}
                 for result in results]
        slow = slow_rank([rank["computing_s"] for rank in ranks])
        version = draft.commit(
            stage="train", fingerprint=key, parents=parents,
            counts={"rows": dataset.entry.counts["splits"][config.split], "epochs": len(chief["history"]),
                    "parameters": chief["parameters"]},
            meta={"history": chief["history"], "times": chief["times"], "best": chief["best"],
                  "weights": chief["weights"], "ranks": ranks, "slow_rank": slow, "restarts": restarts,
                  "config": config.model_dump(mode="json"), "features": dataset.entry.meta["features"],
                  "windows": dataset.entry.meta.get("windows")},
            seconds=time.monotonic() - started,
        )
    checkpoints.finish()
    return version


def slow_rank(computing: Sequence[float]) -> int | None:
    """The rank that computes much longer than the middle one, by the seconds of each; None where there is none."""
    slowest = max(range(len(computing)), key=lambda rank: computing[rank])
    return slowest if computing[slowest] > _SLOW * median_low(computing) else None


def ranks_now(spark: SparkSession, config: Train) -> int:
    """The largest number of ranks that `config.ranks` allows, that divides the lanes, and that Spark has slots for.

    Raises:
        LaunchError: no number does.
    """
    scaled = config.on(config.ranks.max)
    lanes = scaled.lane_count
    allowed = ranks_of(lanes, config.ranks)
    if not allowed:
        raise LaunchError("train", f"{config.ranks.min} to {config.ranks.max} ranks",
                          f"no number of them divides the {lanes} lanes of a batch of {scaled.batch}",
                          f"use one of {ranks_of(lanes, Ranks(min=1, max=lanes))}")
    if len(allowed) == 1:
        return allowed[0]
    slots = slots_for(spark, allowed[-1], "train")
    return max([count for count in allowed if count <= slots], default=allowed[0])


def _hint_at_few_row_groups(dataset: Version, config: Train, ranks: int, tell: OnEvent) -> None:
    groups = sum(len(file.row_groups or []) for file in dataset.files(config.split))
    if 0 < groups < ranks:
        tell(0, Hint(f"{dataset.ref} has {groups} row groups in {config.split} for {ranks} ranks, so several read the "
                     "same one: a smaller 'convert.row_group_mb' is quicker"))


def _training(dataset: Version, config: Train) -> str:
    """What is trained, by however many ranks: they see the same global batches, unless these grow with the ranks."""
    scaled = config.on(config.ranks.max)
    return fingerprint_train(dataset, scaled.model_copy(update={"ranks": Ranks(min=1, max=1)}))


def _run_identity(committed: list[int], training: str) -> str:
    """By what a crashed training is found again. Other than after a crash, `--force` begins anew: with each committed
    model the identity changes."""
    return fingerprint("run", REVISION, {"train": training, "after": max(committed, default=0)})


def _launch_until_done(
    spark: SparkSession, dataset: Version, task: FitTask, checkpoints: Checkpoints, tell: OnEvent
) -> tuple[list[dict[str, Any]], int]:
    config, restarts = task.config, 0
    while True:
        ranks = ranks_now(spark, config)
        if config.ranks.min < config.ranks.max:
            tell(0, Hint(f"{ranks} ranks, of {config.ranks.min} to {config.ranks.max}"))
        _hint_at_few_row_groups(dataset, config, ranks, tell)
        found = checkpoints.latest()
        if found is not None:
            tell(0, Resumed(found.ref, found.entry.meta["epochs"], found.entry.meta.get("step", 0)))
        resumed = replace(task, config=config.on(ranks), resume=found.number if found else None)
        try:
            return launch(spark, partial(fit, resumed), ranks, deadline=config.deadline_s, on_event=tell,
                          name="train"), restarts
        except (RankError, StorageError) as error:
            if restarts == config.max_restarts:
                raise
            restarts += 1
            tell(getattr(error, "rank", None) or 0, Restarted(restarts, config.max_restarts, str(error)))
        except LakeError:
            # A second run of the same training drops what it has gone beyond: its newer checkpoint is as good.
            if found is None or found.number in checkpoints.versions():
                raise
        checkpoints.lake.store.delete(task.output)
