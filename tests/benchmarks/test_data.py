"""The images of the benchmarks: the same on every side, for any part of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks.data import JPEGS, NOISE, Images, Kind, Labels, commit_table, draw
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from laketrain.features import FeatureSet
from laketrain.lake import Lake


@pytest.fixture(scope="module")
def whole() -> tuple[Images, Labels]:
    return draw(17_000)


@settings(deadline=None)
@given(first=st.integers(0, 11_000), rows=st.integers(1, 6_000))
def test_a_part_of_the_rows_is_that_part_of_all(whole: tuple[Images, Labels], first: int, rows: int):
    images, labels = draw(rows, first)
    assert images.shape == (rows, 32, 32, 3)
    assert np.array_equal(images, whole[0][first:first + rows])
    assert np.array_equal(labels, whole[1][first:first + rows])


def test_no_two_images_are_equal():
    images, _ = draw(12_000)
    assert len({image.tobytes() for image in images}) == 12_000
    assert len(set(JPEGS.pixels(50, 0))) == 50


def test_jpegs_have_their_shape_and_the_size_of_photos():
    for content in JPEGS.pixels(20, 3_000):
        assert 10_000 < len(content) < 20_000
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.mode, image.height, image.width) == ("JPEG", "RGB", *JPEGS.shape[:2])


@pytest.mark.parametrize("kind", [NOISE, JPEGS])
def test_a_table_contains_valid_rows_in_files_of_equal_size(kind: Kind, tmp_path: Path):
    version = commit_table(Lake(tmp_path), 31, files=3, kind=kind)
    tables = [pq.read_table(tmp_path / version.path(file.path)) for file in version.entry.files]
    assert [table.num_rows for table in tables] == [11, 10, 10]
    assert [name for table in tables for name in table["name"].to_pylist()] == [f"image {row}" for row in range(31)]
    assert [content for table in tables for content in table["pixels"].to_pylist()] == kind.pixels(31, 0)
    features = FeatureSet.model_validate(kind.declared)
    for table in tables:
        _, reasons = features.encode_batch(table.to_batches()[0])
        assert reasons.null_count == len(reasons)
