"""A non-finite loss is reported with the row groups of its rows, or only of the non-finite ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests import tiny

from laketrain.distributed.world import World
from laketrain.errors import DataError
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Version
from laketrain.train.loop import prefix_subject
from laketrain.train.non_finite import format_row_groups, locate_rows

pytestmark = pytest.mark.slow


def groups_of(dataset: Version, images: Any) -> dict[str, set[int]]:
    """The row groups of these images, found by their bytes in the dataset: two files of row groups of 37."""
    stored = {image.tobytes(): row for row, image in enumerate(tiny.rows_of(dataset, "train")[0])}
    groups: dict[str, set[int]] = {}
    for image in images:
        row = stored[image.tobytes()]
        file, index = (0, row) if row < 101 else (1, row - 101)
        groups.setdefault(f"part-0000{file}.parquet", set()).add(index // 37)
    return groups


def row_groups_in(text: str) -> dict[str, set[int]]:
    import re

    return {name: {int(group) for group in groups.split(", ")}
            for name, groups in re.findall(r"(part-\d+\.parquet) \(row groups? ([\d, ]+)\)", text)}


@pytest.mark.parametrize(("rank", "epoch", "step"), [(0, 0, 0), (1, 0, 3), (1, 2, 6)])
def test_the_row_groups_are_those_of_the_batch(dataset: Version, rank: int, epoch: int, step: int) -> None:
    import_tensorflow()
    with Dataset(dataset).feed("train", 32, seed=3) as feed:
        *_, batch = (each for _, each in zip(range(step + 1), feed.batches(rank, 2, epoch), strict=False))
        text = locate_rows(feed, World(rank, 2), epoch, step, batch)
    assert text.startswith(", on rows of features/tiny/data/")
    assert row_groups_in(text) == groups_of(dataset, batch[0]["image"].numpy())


def test_of_non_finite_rows_only_their_row_groups_are_named(dataset: Version) -> None:
    import_tensorflow()
    import tensorflow as tf

    with Dataset(dataset).feed("train", 32, seed=3) as feed:
        inputs, targets, weights, real = next(iter(feed.batches(1, 2)))
        images = inputs["image"].numpy()
        sizes = np.zeros(16, np.float32)
        sizes[5] = np.nan
        bad = ({"image": inputs["image"], "size": tf.constant(sizes)}, targets, weights, real)
        text = locate_rows(feed, World(1, 2), 0, 0, bad)
        assert text.startswith("; input 'size' is not finite in 1 of its rows, of features/tiny/data/")
        assert row_groups_in(text) == groups_of(dataset, images[5:6])
        text = locate_rows(feed, World(1, 2), 0, 0, (inputs, tf.constant(np.full(16, np.inf)), weights, real))
        assert text.startswith("; the target is not finite in 16 of its rows")


def test_of_many_row_groups_the_first_are_listed_and_the_others_counted() -> None:
    row_groups = {"a": list(range(10)), "b": [3], **{name: [0] for name in "cdef"}}
    assert format_row_groups(row_groups) == (
        "a (row groups 0, 1, 2, 3, 4, 5, 6, 7 and 2 more), b (row group 3), c (row group 0), d (row group 0) and 2 "
        "more files")


def test_an_error_of_the_feed_names_rank_and_step_and_other_errors_stay_unchanged() -> None:
    with pytest.raises(DataError) as caught, prefix_subject("rank 1, epoch 2, step 3 of 7"):
        raise DataError("feed", "file 'x'", "can't be read", "restore it")
    assert caught.value.args == ("feed", "rank 1, epoch 2, step 3 of 7, file 'x'", "can't be read", "restore it")
    with pytest.raises(ValueError, match="^plain$"), prefix_subject("rank 1"):
        raise ValueError("plain")
