"""A loss that is no number is told with the row groups that its rows, or those without a number, came from."""

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
from laketrain.train.loop import named
from laketrain.train.suspects import listed, told

pytestmark = pytest.mark.slow


def groups_of(dataset: Version, images: Any) -> dict[str, set[int]]:
    """Where these images lie, by looking for them in the dataset: two files of row groups of 37."""
    stored = {image.tobytes(): row for row, image in enumerate(tiny.rows_of(dataset, "train")[0])}
    found: dict[str, set[int]] = {}
    for image in images:
        row = stored[image.tobytes()]
        file, place = (0, row) if row < 101 else (1, row - 101)
        found.setdefault(f"part-0000{file}.parquet", set()).add(place // 37)
    return found


def said_of(text: str) -> dict[str, set[int]]:
    import re

    return {name: {int(group) for group in groups.split(", ")}
            for name, groups in re.findall(r"(part-\d+\.parquet) \(row groups? ([\d, ]+)\)", text)}


@pytest.mark.parametrize(("rank", "epoch", "step"), [(0, 0, 0), (1, 0, 3), (1, 2, 6)])
def test_the_row_groups_are_those_of_the_batch(dataset: Version, rank: int, epoch: int, step: int) -> None:
    import_tensorflow()
    with Dataset(dataset).feed("train", 32, seed=3) as feed:
        *_, batch = (each for _, each in zip(range(step + 1), feed.batches(rank, 2, epoch), strict=False))
        text = told(feed, World(rank, 2), epoch, step, batch)
    assert text.startswith(", on rows of features/tiny/data/")
    assert said_of(text) == groups_of(dataset, batch[0]["image"].numpy())


def test_of_rows_without_a_number_only_theirs_are_told(dataset: Version) -> None:
    import_tensorflow()
    import tensorflow as tf

    with Dataset(dataset).feed("train", 32, seed=3) as feed:
        inputs, targets, weights, real = next(iter(feed.batches(1, 2)))
        images = inputs["image"].numpy()
        sizes = np.zeros(16, np.float32)
        sizes[5] = np.nan
        bad = ({"image": inputs["image"], "size": tf.constant(sizes)}, targets, weights, real)
        text = told(feed, World(1, 2), 0, 0, bad)
        assert text.startswith("; input 'size' is not finite in 1 of its rows, of features/tiny/data/")
        assert said_of(text) == groups_of(dataset, images[5:6])
        text = told(feed, World(1, 2), 0, 0, (inputs, tf.constant(np.full(16, np.inf)), weights, real))
        assert text.startswith("; the target is not finite in 16 of its rows")


def test_of_many_row_groups_the_first_are_listed_and_the_others_counted() -> None:
    found = {"a": list(range(10)), "b": [3], **{name: [0] for name in "cdef"}}
    assert listed(found) == ("a (row groups 0, 1, 2, 3, 4, 5, 6, 7 and 2 more), b (row group 3), c (row group 0), "
                             "d (row group 0) and 2 more files")


def test_an_error_of_the_feed_says_where_it_came_and_others_are_left_alone() -> None:
    with pytest.raises(DataError) as caught, named("rank 1, epoch 2, step 3 of 7"):
        raise DataError("feed", "file 'x'", "can't be read", "restore it")
    assert caught.value.args == ("feed", "rank 1, epoch 2, step 3 of 7, file 'x'", "can't be read", "restore it")
    with pytest.raises(ValueError, match="^plain$"), named("rank 1"):
        raise ValueError("plain")
