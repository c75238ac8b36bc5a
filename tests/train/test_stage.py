"""Real ranks on Spark: they agree with each other and with one process, and a training outlives those that die."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests import tiny

from laketrain.distributed import World, launch
from laketrain.errors import DataError, LaunchError, RankError, StorageError
from laketrain.events import Event, Hint, Restarted, Resumed, StepEnded
from laketrain.lake import Lake, Retention, Version, expire, lease
from laketrain.train import fingerprint_train, train
from laketrain.train import stage as stage_module
from laketrain.train.checkpoint import Checkpoints
from laketrain.train.fit import FitTask, fit
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
CNN: dict[str, Any] = {"model": {"name": "cnn", "filters": 4, "dense": 8}, "ranks": 2, "epochs": 3, "batch": 32,
                       "optimizer": {"name": "adam", "learning_rate": 0.01, "global_clipnorm": 1.0,
                                     "schedule": "cosine"},
                       "augment": {"rotate": 10, "shift": 1}, "seed": 3, "deadline_s": 120}


def model_of(task: FitTask) -> Any:
    import keras

    return keras.saving.load_model(f"{task.lake}/{task.output}/model.keras")


def trained(spark: SparkSession, dataset: Version, name: str, on_event: Any = None, **settings: Any) -> Version:
    config = Train.model_validate({**CNN, **settings})
    return train(spark, dataset, name, config, fingerprint_train(dataset, config), on_event)


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "rows_per_s")} for row in history]


def ends(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


class Stumble:
    """As a rank's task: `fit`, but the first time rank 1 stops in the middle of the second epoch, and reports its pid.

    `then` is what it does there: wait to be killed, or raise.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then

    def __call__(self, task: FitTask, world: World, report: Any) -> Any:
        import os

        from laketrain.train import timing

        timing.REPORT_EVERY_S = 0.0 if task.resume is None else 0.25

        def stumbling(event: Event) -> None:
            report(event)
            if world.rank == 1 and event == StepEnded(2, 4) and task.resume is None:
                report({"pid": os.getpid()})
                self.then()

        return fit(task, world, stumbling)


def by_value(then: Callable[[], None]) -> Any:
    """A `Stumble` that executors can unpickle: they have no `tests`."""
    import tests.train.test_stage as here
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(here)
    return Stumble(then)


class Killer:
    """As a listener: kills the rank that reports its pid."""

    def __init__(self) -> None:
        self.pid, self.events = 0, list[Any]()

    def __call__(self, rank: int, event: Any) -> None:
        self.events.append(event)
        if isinstance(event, dict):
            assert rank == 1
            self.pid = event["pid"]
            os.kill(self.pid, 9)

    def of_kind(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_the_model_that_another_began_with_stays_while_that_one_does(spark: SparkSession, dataset: Version) -> None:
    source = tiny.commit_model(dataset)
    tiny.commit_model(dataset)
    version = trained(spark, dataset, "target", model={"name": "linear"}, init_from=source.ref, epochs=1,
                      ranks=1)
    assert version.entry.parents == {dataset.table: dataset.number, source.table: source.number}
    assert expire(dataset.lake, Retention(1)) == []


def test_of_two_that_run_the_same_training_on_other_ranks_one_waits_for_the_other(
        spark: SparkSession, dataset: Version) -> None:
    single, pair = (Train.model_validate({**CNN, "epochs": 1, "ranks": ranks}) for ranks in (1, 2))
    same = stage_module._training(dataset, single)
    assert stage_module._training(dataset, pair) == same
    hints, versions = queue.Queue[str](), list[Version]()

    def collect(rank: int, event: Event) -> None:
        if isinstance(event, Hint):
            hints.put(event.text)

    with lease(dataset.lake, "checkpoints/shared", same):
        other = threading.Thread(target=lambda: versions.append(trained(spark, dataset, "shared", collect, epochs=1)))
        other.start()
        assert "checkpoints/shared: " in (text := hints.get(timeout=60)) and "is already doing this work" in text
        assert dataset.lake.table("checkpoints", "shared").versions() == []
    other.join()
    assert versions[0].is_new and versions[0].ref == "models/shared@1"


def wait_to_be_killed() -> None:
    time.sleep(300)


def lose_the_storage() -> None:
    raise StorageError("lake", "lake s3://here", "its server can't be reached")


def fail() -> None:
    print("the floor gave way")
    raise OSError("no floor")


def test_two_ranks_train_as_one_and_one_continues_where_two_were(
        spark: SparkSession, task_of: Callable[..., FitTask]) -> None:
    together, alone = task_of("together", **CNN), task_of("alone", **CNN)
    results = launch(spark, partial(fit, together), 2, deadline=120)
    single = fit(alone, World(0, 1), lambda event: None)

    assert [result["rank"] for result in results] == [0, 1]
    assert results[0]["weights"] == results[1]["weights"]
    assert timeless(results[0]["history"]) == timeless(results[1]["history"])
    for mine, theirs in zip(model_of(together).get_weights(), model_of(alone).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=5e-5)
    for mine, theirs in zip(results[0]["history"], single["history"], strict=True):
        for metric in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert mine[metric] == pytest.approx(theirs[metric], abs=1e-4)

    table = Lake(together.lake).table("checkpoints", "together")
    assert [table.get(number).entry.meta["epochs"] for number in table.versions()] == [2, 3]
    mended = FitTask(**{**vars(together), "resume": table.versions()[0], "output": "fitted/mended"})
    fit(mended, World(0, 1), lambda event: None)
    for mine, theirs in zip(model_of(mended).get_weights(), model_of(alone).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=5e-5)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """The weights of an undisturbed training, filled by the first test that needs them."""
    return {}


def whole(spark: SparkSession, dataset: Version, undisturbed: dict[str, Any]) -> dict[str, Any]:
    if not undisturbed:
        version = trained(spark, dataset, "whole")
        meta = version.entry.meta
        undisturbed.update(weights=meta["weights"], history=timeless(meta["history"]), version=version)
        assert version.entry.meta["restarts"] == 0
    return undisturbed


def test_a_committed_model_names_its_origin_and_its_checkpoints_go(spark: SparkSession, dataset: Version,
                                                                        undisturbed: dict[str, Any]) -> None:
    version = whole(spark, dataset, undisturbed)["version"]
    assert version.entry.parents == {"features/tiny": 1}
    assert version.entry.counts == {"rows": 203, "epochs": 3, "parameters": pytest.approx(400, abs=400)}
    assert [rank["rank"] for rank in version.entry.meta["ranks"]] == [0, 1]
    assert version.entry.meta["features"] == dataset.entry.meta["features"]
    assert [file.path for file in version.entry.files] == ["model.keras"]
    [left] = (table := version.lake.table("checkpoints", "whole")).versions()
    assert table.get(left).entry.files == []


def test_as_many_ranks_train_as_spark_has_slots_for_with_the_same_result(
        spark: SparkSession, dataset: Version, undisturbed: dict[str, Any]) -> None:
    events: list[Event] = []
    version = trained(spark, dataset, "elastic", lambda rank, event: events.append(event), ranks={"min": 1, "max": 8})
    assert [rank["rank"] for rank in version.entry.meta["ranks"]] == [0, 1]
    assert version.entry.meta["weights"] == whole(spark, dataset, undisturbed)["weights"]
    assert "2 ranks, of 1 to 8" in [event.text for event in events if isinstance(event, Hint)]


def test_numbers_of_ranks_that_divide_no_lanes_are_refused_with_those_that_do(spark: SparkSession) -> None:
    config = Train.model_validate({**CNN, "ranks": {"min": 5, "max": 7}})
    with pytest.raises(LaunchError, match=r"5 to 7 ranks.*16 lanes.*\[1, 2, 4, 8, 16\]"):
        stage_module.ranks_now(spark, config)


@pytest.mark.parametrize(("computing", "slow"), [([4.0], None), ([4.0, 4.1], None), ([4.0, 9.0], 1),
                                                 ([7.0, 4.0, 4.0, 5.0], 0), ([0.0, 0.0], None)])
def test_a_rank_that_computes_much_longer_is_named(computing: list[float], slow: int | None) -> None:
    assert stage_module.slow_rank(computing) == slow


def test_only_what_is_set_grows_with_the_ranks() -> None:
    plain = Train.model_validate({**CNN, "batch": 32, "ranks": 4})
    grown = Train.model_validate({**CNN, "batch": 32, "ranks": 4, "scaling": {"batch": "linear", "rate": "sqrt"}})
    assert (plain.on(4).batch, plain.on(4).optimizer.learning_rate) == (32, 0.01)
    assert (grown.on(4).batch, grown.on(4).optimizer.learning_rate) == (128, pytest.approx(0.02))
    with pytest.raises(ValueError, match="set `ranks` to one number"):
        Train.model_validate({**CNN, "ranks": {"min": 1, "max": 2}, "scaling": {"rate": "linear"}})


def test_a_killed_rank_is_answered_by_a_relaunch_that_ends_with_the_same_weights(
        spark: SparkSession, dataset: Version, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "fit", by_value(wait_to_be_killed))
    killer = Killer()
    version = trained(spark, dataset, "killed", killer)

    assert ends(killer.pid)
    [restart] = killer.of_kind(Restarted)
    assert restart.attempt == restart.max_restarts == 1
    assert "rank 1 of 2, epoch 2, step 4: its process died" in restart.cause
    assert [event.epoch for event in killer.of_kind(Resumed)] == [1]
    assert version.entry.meta["restarts"] == 1
    assert version.number == 1
    assert version.exists()
    expected = whole(spark, dataset, undisturbed)
    assert timeless(version.entry.meta["history"]) == expected["history"]
    assert version.entry.meta["weights"] == expected["weights"]


def test_a_storage_that_is_away_for_a_while_is_answered_by_a_relaunch(
        spark: SparkSession, dataset: Version, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "fit", by_value(lose_the_storage))
    events: list[Event] = []
    version = trained(spark, dataset, "away", lambda rank, event: events.append(event))
    [restart] = [event for event in events if isinstance(event, Restarted)]
    assert "its server can't be reached" in restart.cause
    assert version.entry.meta["weights"] == whole(spark, dataset, undisturbed)["weights"]


def test_a_failed_training_names_its_rank_and_continues_when_it_is_run_again(
        spark: SparkSession, dataset: Version, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "fit", by_value(fail))
    with pytest.raises(RankError) as caught:
        trained(spark, dataset, "failed", max_restarts=0)
    assert caught.value.rank == 1
    assert caught.value.stage == "train"
    assert caught.value.subject == "rank 1 of 2, epoch 2, step 4"
    assert caught.value.problem == "OSError: no floor"
    assert "the floor gave way" in caught.value.log
    assert dataset.lake.table("models", "failed").versions() == []
    assert dataset.lake.store.list("models/failed/data", recursive=True) == []  # the draft is gone

    monkeypatch.setattr(stage_module, "fit", fit)
    events = Killer()
    version = trained(spark, dataset, "failed", events, max_restarts=3)  # no other training for that
    assert [event.epoch for event in events.of_kind(Resumed)] == [1]
    expected = whole(spark, dataset, undisturbed)
    assert timeless(version.entry.meta["history"]) == expected["history"]
    assert version.entry.meta["weights"] == expected["weights"]


def test_fewer_row_groups_than_ranks_are_hinted_at(spark: SparkSession, tmp_path: Path) -> None:
    dataset, events = tiny.commit_tiny(Lake(tmp_path / "lake"), files=1, rows_per_group=500), []
    trained(spark, dataset, "tiny", lambda rank, event: events.append(event), epochs=1)
    assert [event.text for event in events if isinstance(event, Hint) and "row groups" in event.text] == [
        "features/tiny@1 has 1 row groups in train for 2 ranks, so several read the same one: a smaller "
        "'convert.row_group_mb' is quicker"]


def test_a_loss_that_is_no_number_is_not_tried_again(spark: SparkSession, dataset: Version) -> None:
    events = Killer()
    with pytest.raises(DataError, match=r"epoch 1, step \d of 7: the loss is"):
        trained(spark, dataset, "wild", events, max_restarts=5,
                optimizer={"name": "sgd", "learning_rate": 1e38}, model={"name": "linear"})
    assert events.of_kind(Restarted) == []
    assert dataset.lake.table("models", "wild").versions() == []


def test_force_starts_again_and_another_config_has_no_checkpoint(
        spark: SparkSession, dataset: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the tasks of the ranks: nothing is launched here."""
    tasks: list[FitTask] = []

    def launched(spark: Any, task: Any, ranks: int, **_: Any) -> list[dict[str, Any]]:
        tasks.append(task.args[0])
        store = Lake(task.args[0].lake).store
        store.write(f"{task.args[0].output}/model.keras", b"")
        row = {"rank": 0, "where": "here", "backend": None, "history": [], "times": [], "best": {}, "weights": "",
               "parameters": 1, "waiting_s": 0, "computing_s": 0, "averaging_s": 0}
        return [row]

    monkeypatch.setattr(stage_module, "launch", launched)
    trained(spark, dataset, "fresh")
    checkpoints = Checkpoints(dataset.lake, "fresh", tasks[0].run)
    with dataset.lake.table("checkpoints", "fresh").stage() as draft:
        draft.commit(fingerprint=checkpoints.run, meta={"epochs": 1, "history": []})
    trained(spark, dataset, "fresh")
    assert tasks[1].resume is None  # a model was committed since: this is --force

    for index, (settings, resumes) in enumerate((({}, True), ({"ranks": 1}, True),
                                                 ({"seed": 4}, False), ({"epochs": 9}, False))):
        name = f"other{index}"
        with dataset.lake.table("checkpoints", name).stage() as draft:
            draft.commit(fingerprint=checkpoints.run, meta={"epochs": 1, "history": []})
        trained(spark, dataset, name, **settings)
        assert tasks[-1].resume == (1 if resumes else None), settings
