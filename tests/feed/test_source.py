"""Any reader of rows can be behind the feed: it only has to implement `RowSource`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from laketrain.features import FeatureSet
from laketrain.feed import Feed, RowSource
from laketrain.feed.source import Arrays

from .splits import FEATURES, images


@dataclass
class MemorySource:
    """Rows in memory, made from their numbers."""

    rows: int
    features: FeatureSet = FEATURES
    columns: tuple[str, ...] = ("image", "label")
    closed: list[bool] = field(default_factory=list)

    @property
    def row_bytes(self) -> int:
        return self.features.row_bytes(self.columns)

    @property
    def current_read(self) -> str:
        return "memory"

    def read(self, rows: np.ndarray) -> Arrays:
        return {"image": images(rows), "label": rows % 250}

    def row_groups(self, rows: np.ndarray) -> dict[str, list[int]]:
        return {"memory": sorted(set((rows // 100).tolist()))}

    def close(self) -> None:
        self.closed.append(True)


@pytest.mark.slow
def test_another_source_gives_the_batches_that_a_row_reader_gives(write) -> None:
    source: RowSource = MemorySource(611)
    with Feed.of([write([[300, 11], [300]]).reader()], 32, seed=5) as expected, Feed.of([source], 32, seed=5) as feed:
        for ours, theirs in zip(expected.batches(), feed.batches(), strict=True):
            np.testing.assert_array_equal(ours.x["image"], theirs.x["image"])
            np.testing.assert_array_equal(ours.y, theirs.y)
            np.testing.assert_array_equal(ours.sample_weight, theirs.sample_weight)
            assert int(ours.count) == int(theirs.count)
        assert set(feed.row_groups(0, 1, 0, 0)) == {"memory"}


def test_closing_the_feed_closes_its_sources() -> None:
    source = MemorySource(611)
    with Feed.of([source, MemorySource(40)], 32):
        assert not source.closed
    assert source.closed
