"""The peers: both sides have the same rows, ratios are the right way round, and each lock has its environment."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks import NAMES, ON_REQUEST
from benchmarks.__main__ import _parser
from benchmarks.peers import EPOCHS, OURS, PEER, Fitted, compare
from benchmarks.peers.data import commit_rows, draw, write_vectors
from benchmarks.peers.environment import LOCK, STAMP, folder_of, is_whole
from sklearn.neighbors import NearestCentroid

from laketrain.lake import Lake


def fitted(fit: float, transform: float, accuracy: float = 0.9) -> Fitted:
    return Fitted(fit, fit / 2, fit / 4, fit / 8, fit / 8, transform, accuracy)


def test_a_ratio_above_1_means_that_ours_is_better():
    result = compare({OURS: [fitted(10, 6000), fitted(20, 8000)], PEER: [fitted(100, 100), fitted(100, 100)]}, "title")
    assert result.ratios == {"fit_vs_horovod_estimator": 7.5, "transform_vs_horovod_estimator": 70.0}
    by_key = {line.key: line for line in result.lines if line.key}
    assert by_key["fit_vs_horovod_estimator"].bar.met(3.0)
    assert not by_key["fit_vs_horovod_estimator"].bar.met(2.9)
    assert by_key["transform_vs_horovod_estimator"].bar.met(50.0)
    result.table()


def test_a_step_that_only_one_side_has_has_no_ratio():
    ours = Fitted(10, 5, 3, 2, 0.0, 6000, 0.9)
    result = compare({OURS: [ours], PEER: [fitted(100, 100)]}, "title")
    assert result.ratios["fit_vs_horovod_estimator"] == 10
    assert not any("after" in key for key in result.ratios)


def test_peers_are_measured_only_by_their_name():
    assert "peers" in ON_REQUEST and not set(ON_REQUEST) & set(NAMES)
    assert _parser().parse_args(["peers"]).name == "peers"


def test_both_sides_have_the_same_rows(tmp_path: Path):
    images, labels = draw(60)
    write_vectors(tmp_path / "vectors", 60, 2)
    theirs = pq.read_table(tmp_path / "vectors")
    np.testing.assert_array_equal(np.stack(theirs["features"].to_numpy()), images.reshape(60, -1))
    np.testing.assert_array_equal(np.stack(theirs["label"].to_numpy()).argmax(axis=1), labels)

    version = commit_rows(Lake(tmp_path / "lake"), 60, 2)
    ours = pq.read_table(version.lake.store.local(version.path()))
    assert b"".join(ours["pixels"].to_pylist()) == images.tobytes()
    assert ours["label"].to_pylist() == labels.tolist() and version.rows == 60


def test_the_images_can_be_learnt_and_are_the_same_each_time():
    images, labels = draw(600)
    np.testing.assert_array_equal(draw(600)[0], images)
    centroids = NearestCentroid().fit(images[:500].reshape(500, -1), labels[:500])
    assert centroids.score(images[500:].reshape(100, -1), labels[500:]) > 0.5  # by chance 0.1
    assert EPOCHS == 2


def test_the_lock_holds_the_versions_that_work_together():
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", LOCK.read_text("utf-8"), re.MULTILINE))
    assert {name: pins[name] for name in ("tensorflow-cpu", "pyspark", "petastorm", "pyarrow", "numpy", "pandas")} == {
        "tensorflow-cpu": "2.15.1", "pyspark": "3.5.5", "petastorm": "0.12.1", "pyarrow": "10.0.1", "numpy": "1.26.4",
        "pandas": "2.1.4"}
    assert int(pins["setuptools"].split(".")[0]) < 70 and int(pins["cmake"].split(".")[0]) < 4
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\w)", LOCK.read_text("utf-8")) if "==" in block)


def test_an_environment_has_a_folder_for_each_lock_and_is_complete_only_with_its_stamp(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAKETRAIN_CACHE", str(tmp_path / "cache"))
    other = tmp_path / "other.lock"
    other.write_text("tensorflow-cpu==2.15.1\n", "utf-8")
    folder = folder_of()
    assert folder == folder_of() != folder_of(other) and folder.parent == tmp_path / "cache" / "laketrain" / "peers"
    assert not is_whole(folder)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    assert not is_whole(folder)
    (folder / STAMP).touch()
    assert is_whole(folder)
