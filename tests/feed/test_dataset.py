"""A committed dataset is opened by its ref and returns plans, readers, samples and a plot of some rows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tests import tiny

from laketrain.errors import DataError, LakeError
from laketrain.feed.dataset import Dataset
from laketrain.feed.show import caption
from laketrain.lake import Lake


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tiny.commit_tiny(Lake(tmp_path / "lake")))


def test_a_ref_opens_just_that_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    tiny.commit_tiny(lake, splits={"train": 30})
    tiny.commit_tiny(lake, splits={"train": 40, "val": 5})
    assert Dataset.at(lake.url, "features/tiny@1").splits == {"train": 30}
    assert Dataset.at(lake.url, "features/tiny@2").splits == {"train": 40, "val": 5}
    with pytest.raises(LakeError, match="version 3 of features/tiny: there is none; the latest is 2"):
        Dataset.at(lake.url, "features/tiny@3")


def test_a_version_without_features_is_not_a_dataset(tmp_path: Path) -> None:
    with Lake(tmp_path).table("features", "bare").stage() as draft:
        bare = Dataset(draft.commit())
    with pytest.raises(LakeError, match="features/bare@1: records no features"):
        bare.features  # noqa: B018


def test_a_dataset_has_its_features_with_their_statistics(dataset: Dataset) -> None:
    assert list(dataset.features) == ["image", "label", "name"]
    images, _ = tiny.rows_of(dataset.version, "train")
    assert dataset.features["image"].statistics.mean == pytest.approx((images / 255).mean())


def test_a_split_has_its_own_files_in_order(dataset: Dataset) -> None:
    files = dataset.files("val")
    assert [file.path.rpartition("/val/")[2] for file in files] == ["part-00000.parquet", "part-00001.parquet"]
    assert sum(file.rows for file in files) == 45
    assert all(os.path.exists(dataset.version.lake.store.local(file.path)) for file in files)


def test_a_reader_reads_inputs_and_targets_across_files(dataset: Dataset) -> None:
    images, labels = tiny.draw(tiny.SPLITS["train"], seed=0)
    rows = np.array([202, 0, 101, 102, 100, 36, 37])
    with dataset.reader("train") as reader:
        result = reader.read(rows)
    assert list(result) == ["image", "label"]
    np.testing.assert_array_equal(result["image"], images[rows])
    np.testing.assert_array_equal(result["label"], labels[rows])
    with dataset.reader("train", ["name"]) as reader:
        assert reader.read(rows)["name"].tolist() == [f"row {row}" for row in rows]


def test_an_unknown_split_is_refused_with_the_nearest(dataset: Dataset) -> None:
    for call in (dataset.files, dataset.reader, dataset.sample, lambda split: dataset.plan(split, 32)):
        with pytest.raises(DataError, match="split 'tran' of features/tiny@1: does not exist. Next: Did you mean"):
            call("tran")


def test_a_plan_follows_from_the_rows_and_the_window_in_megabytes(dataset: Dataset) -> None:
    plan = dataset.plan("train", 32, seed=5)
    assert (plan.rows, plan.batch, plan.lanes, plan.seed, plan.shuffle) == (203, 32, 16, 5, True)
    assert dataset.plan("val", 10, lanes=5, shuffle=False).lanes == 5
    row_bytes = tiny.SIDE**2 + 8  # the image and the label; the key is never fed
    small = dataset.plan("train", 32, window_mb=0.02)
    assert small.window_blocks * small.block_rows * 16 * row_bytes <= 0.02 * 2**20


def test_a_sample_is_the_same_for_the_same_seed(dataset: Dataset) -> None:
    images, labels = tiny.draw(tiny.SPLITS["train"], seed=0)
    first = dataset.sample("train", 9)
    rows = [int(name.split()[1]) for name in first["name"]]
    assert len(set(rows)) == 9
    assert rows == sorted(rows)
    np.testing.assert_array_equal(first["image"], images[rows])
    np.testing.assert_array_equal(first["label"], labels[rows])
    assert dataset.sample("train", 9)["name"].tolist() == first["name"].tolist()
    assert dataset.sample("train", 9, seed=1)["name"].tolist() != first["name"].tolist()
    assert len(dataset.sample("val", 1000)["label"]) == 45


def test_show_draws_each_row_with_its_label_and_key(dataset: Dataset) -> None:
    figure = dataset.show("val", 11)
    sample = dataset.sample("val", 11)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 11
    assert figure.get_suptitle() == "features/tiny@1, split val"
    for row, axes in enumerate(shown):
        np.testing.assert_array_equal(axes.images[0].get_array(), sample["image"][row].squeeze())
        assert axes.get_title() == caption(sample, dataset.features, row)
        assert axes.get_title() == f"{sample['label'][row]}\n{sample['name'][row]}"


def test_show_draws_the_only_row_of_a_split(tmp_path: Path) -> None:
    lone = Dataset(tiny.commit_tiny(Lake(tmp_path), splits={"train": 20, "val": 1}, files=1))
    assert len([axes for axes in lone.show("val").axes if axes.images]) == 1
