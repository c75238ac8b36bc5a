"""Real event files contain what a training logged, read by TensorBoard's code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from tests.track.trainings import EPOCHS, RUN, log_training

from laketrain.config.track import TensorBoard
from laketrain.track import Ending
from laketrain.track.tensorboard import TensorBoardTracker


def board(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def check(folder: Path, status: str) -> None:
    events = board(folder)
    assert sorted(events.Tags()["scalars"]) == ["loss/train", "loss/validation", "rows_per_s/train"]
    assert [(point.step, point.value) for point in events.Scalars("loss/validation")] == [(1, 0.75), (2, 0.5)]
    assert [(point.step, point.value) for point in events.Scalars("loss/train")] == [(1, 0.5), (2, 0.25)]
    text = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
    assert text["settings"] == "```yaml\nname: tiny\n```"
    assert "| laketrain.dataset | features/tiny@1 |" in text["lineage"]
    assert f"| status | {status} |" in text["outcome"]


@pytest.mark.slow
def test_each_training_has_its_own_scalars_settings_and_lineage(lake, model) -> None:
    log_training(TensorBoardTracker(TensorBoard(), lake), Ending("finished", model, {"laketrain.model": model.ref}))
    folder = Path(lake.url, "runs", "tiny-tensorboard")
    [run] = folder.iterdir()
    assert run.name == "20261121T093000.000000Z"
    check(run, "finished")
    assert [table.path for table in lake.tables()] == ["models/tiny"]


@pytest.mark.slow
def test_each_epoch_is_written_as_it_ends(lake, tmp_path) -> None:
    tracker = TensorBoardTracker(TensorBoard(folder=str(tmp_path / "board")), lake)
    tracker.start(RUN)
    tracker.epoch(1, EPOCHS[1])
    [run] = (tmp_path / "board").iterdir()
    events = board(run)
    assert [point.value for point in events.Scalars("loss/train")] == [0.5]
    tracker.epoch(2, EPOCHS[2])
    assert [point.value for point in events.Reload().Scalars("loss/train")] == [0.5, 0.25]


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    storage = fsspec.filesystem("memory")
    yield storage
    storage.rm("/boards", recursive=True)


@pytest.mark.slow
def test_a_storage_that_cannot_append_has_the_same_file(lake, tmp_path, memory) -> None:
    log_training(TensorBoardTracker(TensorBoard(folder="memory://boards"), lake), Ending("failed"))
    [file] = memory.find("/boards")
    (tmp_path / Path(file).name).write_bytes(memory.cat(file))
    check(tmp_path, "failed")


@pytest.mark.slow
def test_a_run_that_never_started_needs_no_end(lake) -> None:
    TensorBoardTracker(TensorBoard(), lake).finish(Ending("failed"))
    assert not Path(lake.url).exists()


@pytest.mark.slow
def test_tensorflow_is_not_imported(tmp_path) -> None:
    program = ("import sys\nfrom tests.track.test_tensorboard import *\nfrom laketrain.lake import Lake\n"
               "log_training(TensorBoardTracker(TensorBoard(), Lake(sys.argv[1])), Ending('failed'))\n"
               "print([name for name in ('tensorflow', 'keras') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parents[2])
    assert result.stdout.strip() == "[]"
