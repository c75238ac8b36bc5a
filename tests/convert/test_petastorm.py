"""Convert writes a Petastorm dataset: Petastorm's own reader returns every landed digit."""

from __future__ import annotations

import io

import numpy as np
import pytest

from laketrain.feed.dataset import Dataset
from laketrain.samples.mnist import truth

from ..road import DIGITS, Road
from ..samples.test_mnist import read_pixels

pytestmark = pytest.mark.slow
pytest.importorskip("petastorm")


@pytest.fixture(scope="module")
def dataset(road: Road) -> Dataset:
    version = road.lake.table("features", "mnist").latest()
    assert version is not None
    return Dataset(version)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_make_reader_returns_every_landed_row(road: Road, dataset: Dataset, split: str):
    from petastorm import make_reader

    pixels, true = read_pixels(road.landing.pixels)[2], truth(road.landing.seed, DIGITS)
    path = dataset.version.lake.store.local(dataset.version.path(split))
    seen = []
    with make_reader(f"file://{path}", reader_pool_type="dummy", shuffle_row_groups=False, num_epochs=1) as reader:
        assert set(reader.schema.fields) == {"image", "label", "digit_id"}
        for row in reader:
            assert (row.image.dtype, row.image.shape) == (np.uint8, (28, 28, 1))
            assert row.image.reshape(-1).tolist() == [int(value) for value in pixels[row.digit_id].split(" ")]
            assert row.label == true[row.digit_id]
            seen.append(row.digit_id)
    assert len(seen) == len(set(seen)) == dataset.splits[split]
    with dataset.reader(split, ["digit_id"]) as mine:
        assert mine.read(np.arange(len(seen)))["digit_id"].tolist() == seen


@pytest.mark.filterwarnings("ignore:Please use make_reader")
def test_make_batch_reader_returns_the_stored_columns_a_row_group_at_a_time(dataset: Dataset):
    """It doesn't decode: images are the bytes that NdarrayCodec writes, scalars are plain."""
    from petastorm import make_batch_reader

    path = dataset.version.lake.store.local(dataset.version.path("val"))
    with dataset.reader("val", ["image", "label", "digit_id"]) as mine:
        expected = mine.read(np.arange(dataset.splits["val"]))
    seen = []
    with make_batch_reader(f"file://{path}", reader_pool_type="dummy", shuffle_row_groups=False) as reader:
        for batch in reader:
            images = [np.load(io.BytesIO(content), allow_pickle=False) for content in batch.image]
            seen += zip(images, batch.label.tolist(), batch.digit_id.tolist(), strict=True)
    assert [name for _, _, name in seen] == expected["digit_id"].tolist()
    assert [label for _, label, _ in seen] == expected["label"].tolist()
    np.testing.assert_array_equal([image for image, _, _ in seen], expected["image"])


def test_petastorm_sees_the_row_groups_that_we_wrote(dataset: Dataset):
    from petastorm.etl.dataset_metadata import get_schema_from_dataset_url, load_row_groups, pq

    for split in dataset.splits:
        path = dataset.version.lake.store.local(dataset.version.path(split))
        assert get_schema_from_dataset_url(f"file://{path}").fields["image"].shape == (28, 28, 1)
        pieces = load_row_groups(pq.ParquetDataset(path, validate_schema=False, use_legacy_dataset=True))
        files = [file for file in dataset.version.files(split) if file.path.endswith(".parquet")]
        assert len(pieces) == sum(len(file.row_groups or ()) for file in files)


def test_a_shuffled_reader_with_workers_sees_the_same_rows(dataset: Dataset):
    from petastorm import make_reader

    path = dataset.version.lake.store.local(dataset.version.path("val"))
    with make_reader(f"file://{path}", workers_count=2, num_epochs=2, seed=1) as reader:
        seen = [row.digit_id for row in reader]
    assert len(seen) == 2 * len(set(seen)) == 2 * dataset.splits["val"]
