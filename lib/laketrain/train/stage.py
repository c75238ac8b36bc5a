"""Training on the driver: launches the ranks, forwards their events, relaunches from checkpoints, commits the model.

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
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version, fingerprint, lease
from laketrain.lake.manifests import CheckpointManifest, ModelManifest
from laketrain.tasks import outputs_meta
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.dry_run import dry_run
from laketrain.train.fit import FitTask, fit
from laketrain.train.init_from import pin_source, source_content, source_parent
from laketrain.train.short_training import short_training_warnings
from laketrain.train.user_code import pack_user_code, source_checksums
from laketrain.workload import Train
from laketrain.workload.former import former_train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 3

# Settings that don't change the model, so changing them doesn't train it again.
_RUNTIME_ONLY = {"retrain_when", "cache", "checkpoint_epochs", "checkpoint_steps", "checkpoints", "max_restarts",
                 "deadline_s", "backend"}
# A rank that computes this many times longer than the median one is reported.
_SLOW = 1.3


def fingerprint_train(dataset: Version, config: Train) -> str:
    """The fingerprint of training on `dataset` with `config`, from the weights that `init_from` names now. A setting of
    the model that is spelt out with its default doesn't change it."""
    return fingerprints_train(dataset, config)[0]


def fingerprints_train(dataset: Version, config: Train) -> list[str]:
    """`fingerprint_train`, then the one of earlier releases if it differs: that contains the settings of the model as
    the workload spells them."""
    settings = former_train(config.model_dump(mode="json", exclude=_RUNTIME_ONLY))
    if config.init_from is not None:
        settings["init_from"] = source_content(dataset.lake, config.init_from)
    settings["user"] = source_checksums(config, config.model.tasks(Dataset(dataset).features))
    models = (config.model.without_defaults(), config.model.declared())
    return list(dict.fromkeys(
        fingerprint("train", REVISION, {**settings, "model": model}, [dataset]) for model in models))


def train(spark: SparkSession, dataset: Version, name: str, config: Train, key: str,
          on_event: OnEvent | None = None) -> Version:
    """Trains with `config.ranks` ranks and commits `models/<name>`.

    An interrupted training of the same config on the same data resumes from its last checkpoint, at any number of
    ranks. If a rank fails by itself (killed, hung, storage unavailable), all are relaunched from there, up to
    `max_restarts` times, with fewer ranks if executors are gone and `ranks` allows it. An error that would only happen
    again (the loss is NaN, user code raises) is raised at once. A model of the user's own is built and tested on the
    driver before any rank is launched. Jobs that run the same training take turns, since they would drop each other's
    checkpoints.
    """
    report = on_event or (lambda rank, event: None)
    training, path = _training(dataset, config), f"checkpoints/{name}"
    with lease(dataset.lake, path, training, lambda text: report(0, Hint(f"{path}: {text}"))):
        return _train_leased(spark, dataset, name, config, key, training, report)


def _train_leased(spark: SparkSession, dataset: Version, name: str, config: Train, key: str, training: str,
                  report: OnEvent) -> Version:
    started = time.monotonic()
    dry_run(dataset, config)
    opened = Dataset(dataset)
    for text in short_training_warnings(config.on(config.ranks.max), opened.splits.get(config.split, 0)):
        report(0, Hint(text))
    lake = dataset.lake
    models = lake.table("models", name)
    checkpoints = Checkpoints(lake, name, _run_identity(models.versions(), training), config.checkpoints)
    user, parents = pack_user_code(config), {dataset.table: dataset.number}
    if config.init_from is not None:
        pinned = pin_source(lake, config.init_from)
        config, parents = config.model_copy(update={"init_from": pinned}), {**parents, **source_parent(pinned)}
    with models.stage() as draft:
        outputs = config.model.tasks(opened.features)
        task = FitTask(lake.url, dataset.ref, config, name, checkpoints.run, output=draft.path(), user=user,
                       outputs=outputs)
        results, restarts = _launch_until_done(spark, dataset, task, checkpoints, report)
        chief = results[0]
        ranks = [{key: result[key] for key in ("rank", "where", "backend", "waiting_s", "computing_s", "averaging_s")}
                 for result in results]
        manifest = ModelManifest(
            history=chief["history"], times=chief["times"], best=chief["best"], weights=chief["weights"], ranks=ranks,
            slow_rank=slow_rank([rank["computing_s"] for rank in ranks]), restarts=restarts,
            config=config.model_dump(mode="json"), features=opened.manifest.features, outputs=outputs_meta(outputs),
            windows=opened.manifest.windows)
        version = draft.commit(
            stage="train", fingerprint=key, parents=parents,
            counts={"rows": opened.splits[config.split], "epochs": len(manifest.history),
                    "parameters": chief["parameters"]},
            meta=manifest.to_meta(), seconds=time.monotonic() - started,
        )
    checkpoints.finish()
    return version


def slow_rank(computing: Sequence[float]) -> int | None:
    """The rank that computes much longer than the median one, by the seconds of each; None if there is none."""
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


def _hint_at_few_row_groups(dataset: Version, config: Train, ranks: int, report: OnEvent) -> None:
    groups = sum(len(file.row_groups or []) for file in dataset.files(config.split))
    if 0 < groups < ranks:
        report(0, Hint(f"{dataset.ref} has {groups} row groups in {config.split} for {ranks} ranks, so several read "
                       "the same one: a smaller 'convert.row_group_mb' is quicker"))


def _training(dataset: Version, config: Train) -> str:
    """Identifies the training at any number of ranks: they see the same global batches unless `scaling` is set."""
    scaled = config.on(config.ranks.max)
    return fingerprint_train(dataset, scaled.model_copy(update={"ranks": Ranks(min=1, max=1)}))


def _run_identity(committed: list[int], training: str) -> str:
    """Identifies a training's checkpoints after a crash. It changes with each committed model, so `--force` starts
    afresh."""
    return fingerprint("run", REVISION, {"train": training, "after": max(committed, default=0)})


def _launch_until_done(
    spark: SparkSession, dataset: Version, task: FitTask, checkpoints: Checkpoints, report: OnEvent
) -> tuple[list[dict[str, Any]], int]:
    config, restarts = task.config, 0
    while True:
        ranks = ranks_now(spark, config)
        if config.ranks.min < config.ranks.max:
            report(0, Hint(f"{ranks} ranks, of {config.ranks.min} to {config.ranks.max}"))
        _hint_at_few_row_groups(dataset, config, ranks, report)
        checkpoint = checkpoints.latest()
        if checkpoint is not None:
            progress = CheckpointManifest.of(checkpoint)
            report(0, Resumed(checkpoint.ref, progress.epochs, progress.step))
        resumed = replace(task, config=config.on(ranks), resume=checkpoint.number if checkpoint else None)
        try:
            return launch(spark, partial(fit, resumed), ranks, deadline=config.deadline_s, on_event=report,
                          name="train", backend=config.backend), restarts
        except (RankError, StorageError) as error:
            if restarts == config.max_restarts:
                raise
            restarts += 1
            report(getattr(error, "rank", None) or 0, Restarted(restarts, config.max_restarts, str(error)))
        except LakeError:
            # A second run of the same training has dropped it: its newer checkpoint is as good.
            if checkpoint is None or checkpoint.number in checkpoints.versions():
                raise
        checkpoints.lake.store.delete(task.output)
