"""Real faults during training on two ranks: each raises its first cause on the driver and leaves no hung process, and
the next training in the same Spark session works."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests import tiny

from laketrain.errors import DataError, LaketrainError, RankError
from laketrain.events import EpochEnded, Event, OnEvent
from laketrain.lake import Lake, Version
from laketrain.train import fingerprint_train, train
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
DEADLINE_S = 20
TWO_RANKS: dict[str, Any] = {"model": {"name": "linear"}, "ranks": 2, "epochs": 3, "batch": 32, "max_restarts": 0,
                             "optimizer": {"name": "sgd", "learning_rate": 0.1}, "deadline_s": DEADLINE_S}
CODE = '''
import os
import resource
import signal

import keras
import tensorflow as tf


class At(keras.callbacks.Callback):
    """Calls `happens` after the third step, on rank 0."""

    def __init__(self, happens):
        super().__init__()
        self.happens, self.steps = happens, 0

    def on_train_batch_end(self, step, logs=None):
        self.steps += 1
        if self.steps == 3:
            self.happens()


def raises():
    def happens():
        raise ValueError("my callback has a mistake")
    return At(happens)


def stops():
    return At(lambda: os.kill(os.getpid(), signal.SIGSTOP))


def needs_memory():
    def happens():
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))
        try:
            bytearray(8 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return At(happens)


def nan_on_rank_one(model, inputs, targets, weights):
    with tf.GradientTape() as tape:
        predictions = model(inputs, training=True)
        loss = tf.reduce_sum(weights * keras.losses.sparse_categorical_crossentropy(targets, predictions))
    model.optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
    if os.environ["LAKETRAIN_RANK"] == "1":
        loss = tf.where(model.optimizer.iterations == 4, float("nan"), loss)
    return loss
'''


@pytest.fixture
def dataset(tmp_path: Path) -> Version:
    return tiny.commit_tiny(Lake(tmp_path / "lake"))


@pytest.fixture(autouse=True)
def _users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`happenings`, a module that only the driver can import."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "happenings.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("happenings", None)


def trained(spark: SparkSession, dataset: Version, on_event: OnEvent | None = None,
            **settings: Any) -> Version:
    config = Train.model_validate({**TWO_RANKS, **settings})
    return train(spark, dataset, "model", config, fingerprint_train(dataset, config), on_event)


def stopped_processes() -> list[int]:
    """Child processes that are stopped: none must be left."""
    processes = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            processes += [child.pid] if child.status() == psutil.STATUS_STOPPED else []
    return processes


def none_is_stopped() -> bool:
    """Wait until Spark's daemon has ended the processes of a failed launch, which it does one by one."""
    end = time.monotonic() + 20
    while stopped_processes() and time.monotonic() < end:
        time.sleep(0.1)
    return not stopped_processes()


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"callbacks": ["happenings:raises"]}, DataError, r"train.callbacks 'happenings:raises': raised ValueError: my "
     r"callback has a mistake, at \S.*happenings.py, line \d+, in happens"),
    ({"callbacks": ["happenings:stops"], "deadline_s": 8}, RankError, r"rank 0 of 2.*made no progress for 8 s"),
    ({"callbacks": ["happenings:needs_memory"]}, RankError, r"rank 0 of 2.*MemoryError"),
    ({"step": "happenings:nan_on_rank_one"}, DataError, r"rank 1, epoch 1, step 4 of 7: the loss is nan, on rows of "
     r"features/tiny/data/\S+/train/part-00001.parquet \(row groups 0, 1, 2\)\. Next"),
], ids=["a callback raises", "a rank is stopped", "memory is short", "NaN in one rank's rows"])
def test_the_first_cause_is_raised_in_time_and_the_next_training_works(
        spark: SparkSession, dataset: Version, settings: dict[str, Any], error: type[LaketrainError],
        message: str) -> None:
    with pytest.raises(error, match=message):
        trained(spark, dataset, **settings)
    assert none_is_stopped()
    version = trained(spark, dataset)
    assert len(version.entry.meta["history"]) == 3


def cut(file: str) -> None:
    os.truncate(file, 10)


def vanish(file: str) -> None:
    Path(file).unlink(missing_ok=True)


@pytest.mark.parametrize(("split", "breaks", "message"), [
    ("train", cut, r"rank 1, epoch \d+, step \d of 7, file '\S+/train/part-00001.parquet': can't be read"),
    ("val", vanish, r"rank 1, validation of epoch \d+, file '\S+/val/part-00001.parquet': can't be opened"),
], ids=["a file is cut", "a file vanishes"])
def test_the_error_of_a_failed_read_has_rank_and_file_and_the_next_training_works(
        spark: SparkSession, dataset: Version, split: str, breaks: Callable[[str], None], message: str) -> None:
    """Of two files, the second has the rows of rank 1, and none of rank 0's."""
    file = dataset.lake.store.local(dataset.path(f"{split}/part-00001.parquet"))
    assert file is not None
    content = Path(file).read_bytes()

    def after_an_epoch(rank: int, event: Event) -> None:
        if isinstance(event, EpochEnded):
            breaks(file)

    with pytest.raises(DataError, match=message) as caught:
        trained(spark, dataset, after_an_epoch, shuffle_window_mb=0.001, epochs=50)
    assert isinstance(caught.value.__cause__, RankError)
    assert caught.value.__cause__.rank == 1
    Path(file).write_bytes(content)
    assert len(trained(spark, dataset).entry.meta["history"]) == 3
