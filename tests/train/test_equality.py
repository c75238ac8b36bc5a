"""One, two and four ranks train the same model, also where others resume the training; run twice, it has the same bits.
Four ranks need four slots, so they have a driver and a Spark session of their own."""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import tiny
from tests.workers import WORKERS_PATH

from laketrain.distributed import World, launch
from laketrain.distributed.collectives.sparse_gradients import SMALL_TABLE_BYTES
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.train.fit import FitTask, fit
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
Launched = Callable[[FitTask, int], list[dict[str, Any]]]

CNN = {"name": "cnn", "filters": 4, "dense": 8}
EMBEDDING = 640
CASES: dict[str, dict[str, Any]] = {
    "embeddings whose gradients are sparse": {
        "model": {"name": "text", "embedding": EMBEDDING}, "optimizer": {"name": "adam", "learning_rate": 0.01}},
    "accumulation, clipping and class weights": {
        "model": CNN, "class_weights": "balanced",
        "optimizer": {"name": "adam", "learning_rate": 0.01, "accumulate": 4, "global_clipnorm": 0.5}},
    "mixup, cutmix, flips and crops": {
        "model": CNN, "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        "augment": {"mixup": 0.4, "cutmix": 1.0, "flip": {"horizontal": 0.5}, "crop": 1}},
}
# Seven steps an epoch: a checkpoint is of step 9, in the middle of the second one, and of four that accumulate, of
# which an epoch has one group of four and one of three.
PLAN: dict[str, Any] = {"epochs": 3, "batch": 32, "seed": 3, "checkpoint_steps": 9, "checkpoint_epochs": 3,
                        "checkpoints": 9, "restore_best": False}
WEIGHTS, METRICS = 5e-5, 1e-4


# ---- a driver with four slots


@cache
def session_of_four() -> SparkSession:
    from laketrain.config.spark import Spark
    from laketrain.spark.session import session

    conf: dict[str, str | int | float | bool] = {"spark.executorEnv.PYTHONPATH": WORKERS_PATH}
    return session(Spark(master="local[4]", conf=conf), "tests of four ranks")


def launched_there(task: FitTask, ranks: int) -> list[dict[str, Any]]:
    return launch(session_of_four(), partial(fit, task), ranks, deadline=200)


def stopped_there() -> None:
    if session_of_four.cache_info().currsize:
        session_of_four().stop()


@pytest.fixture(scope="module")
def on_four_slots() -> Iterator[Launched]:
    """Launches in a process of its own: this one has a Spark of two slots, and a process has one Spark."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield lambda task, ranks: pool.submit(launched_there, task, ranks).result()
        pool.submit(stopped_there).result()


# ---- what is trained


def commit_texts(lake: Lake, rows: int = 203, words: int = 520) -> Version:
    """`features/texts`: six words a row. The first determines the class; every word occurs at least once."""
    random = np.random.default_rng(5)
    numbers = np.concatenate([random.permutation(words), random.integers(0, words, 6 * rows - words)]).reshape(rows, 6)
    table = pa.table({"words": [" ".join(f"word{number}" for number in row) for row in numbers],
                      "label": numbers[:, 0] % 3})
    text = FeatureSet.model_validate({"text": {"kind": "text", "column": "words", "length": 8, "minimum_count": 1}})
    learnt = text["text"].fit(text["text"].tally(table.combine_chunks().column("words").chunk(0)))
    label = FeatureSet.model_validate({"label": {"kind": "label", "column": "label", "classes": 3}})
    features = FeatureSet.of({"text": learnt, "label": label["label"]})
    with lake.table("features", "texts").stage() as draft:
        for split, part in (("train", table), ("val", table.slice(0, 45))):
            content = io.BytesIO()
            pq.write_table(features.encode_batch(part)[0], content, row_group_size=37)
            lake.store.write(draft.path(f"{split}/part-00000.parquet"), content.getvalue())
        return draft.commit(stage="convert", fingerprint="texts", counts={"splits": {"train": rows, "val": 45}},
                            meta={"features": json.loads(features.to_json())})


def task_on(dataset: Version, name: str, settings: dict[str, Any]) -> FitTask:
    config = Train.model_validate({**PLAN, **settings})
    return FitTask(dataset.lake.url, dataset.ref, config, name, run=f"run of {name}", output=f"fitted/{name}")


def from_the_middle(task: FitTask, name: str) -> FitTask:
    """`task` under another name, resumed from the checkpoint after two steps of its second epoch."""
    table = Lake(task.lake).table("checkpoints", task.name)
    [number] = [number for number in table.versions() if (table.get(number).entry.meta["epochs"],
                                                          table.get(number).entry.meta["step"]) == (1, 2)]
    return replace(task, resume=number, output=f"fitted/{name}")


@dataclass(frozen=True)
class Trained:
    """The result of a training: its epochs' rows without times, and all weights of its model."""

    history: list[dict[str, Any]]
    weights: list[Any]

    @classmethod
    def of(cls, task: FitTask, result: dict[str, Any]) -> Trained:
        import keras

        model = keras.saving.load_model(f"{task.lake}/{task.output}/model.keras")
        return cls(timeless(result["history"]), model.get_weights())

    def close_to(self, other: Trained) -> None:
        for mine, theirs in zip(self.weights, other.weights, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=WEIGHTS)
        assert len(self.history) == len(other.history)
        for row, expected in zip(self.history, other.history, strict=True):
            assert row == {name: pytest.approx(value, abs=METRICS) for name, value in expected.items()}


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "rows_per_s")} for row in history]


# ---- the tests


@pytest.fixture(scope="module", params=CASES)
def trained(request: pytest.FixtureRequest, spark: SparkSession, on_four_slots: Launched,
            tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """The trainings, by the numbers of ranks that trained, one after the other."""
    lake, settings = Lake(tmp_path_factory.mktemp("lake")), CASES[request.param]
    dataset = commit_texts(lake) if settings["model"]["name"] == "text" else tiny.commit_tiny(lake)
    results = {}

    def run(ranks: str, task: FitTask, train: Callable[[FitTask], dict[str, Any]]) -> FitTask:
        results[ranks] = Trained.of(task, train(task))
        return task

    def on_one(task: FitTask) -> dict[str, Any]:
        return fit(task, World(0, 1), lambda event: None)

    def on_two(task: FitTask) -> dict[str, Any]:
        return launch(spark, partial(fit, task), 2, deadline=200)[0]

    def on_four(task: FitTask) -> dict[str, Any]:
        return on_four_slots(task, 4)[0]

    run("1", task_on(dataset, "one", settings), on_one)
    begun_by_two = run("2", task_on(dataset, "two", settings), on_two)
    run("4", task_on(dataset, "four", settings), on_four)
    run("2, then 1", from_the_middle(begun_by_two, "two_then_one"), on_one)
    run("2, then 4", from_the_middle(begun_by_two, "two_then_four"), on_four)
    return results


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ranks", ["2", "4"])
def test_ranks_together_end_as_one_alone(trained: dict[str, Trained], ranks: str) -> None:
    trained[ranks].close_to(trained["1"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ranks", ["2, then 1", "2, then 4"])
def test_what_two_ranks_began_others_end(trained: dict[str, Trained], ranks: str) -> None:
    trained[ranks].close_to(trained["1"])


def test_the_embedding_is_large_enough_for_sparse_gradients(tmp_path: Path) -> None:
    text = Dataset(commit_texts(Lake(tmp_path))).features["text"]
    assert 4 * EMBEDDING * text.count > SMALL_TABLE_BYTES


@pytest.mark.timeout(600)
def test_the_same_command_in_another_driver_gives_the_same_bits(
        spark: SparkSession, on_four_slots: Launched, tmp_path: Path) -> None:
    """With everything that is random: weights, order, views, mixtures, dropout."""
    dataset = tiny.commit_tiny(Lake(tmp_path))
    settings = {**CASES["mixup, cutmix, flips and crops"], "model": {**CNN, "dropout": 0.4}}
    here = launch(spark, partial(fit, task_on(dataset, "here", settings)), 2, deadline=200)
    there = on_four_slots(task_on(dataset, "there", settings), 2)
    again = launch(spark, partial(fit, task_on(dataset, "again", settings)), 2, deadline=200)
    for other in (there, again):
        assert [rank["weights"] for rank in other] == [rank["weights"] for rank in here]
        assert timeless(other[0]["history"]) == timeless(here[0]["history"])
