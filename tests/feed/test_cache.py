"""Cached images have the same pixels and are decoded once; errors of the disk never stop training."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.config.train import Cache
from laketrain.features import FeatureSet
from laketrain.features.image import Image
from laketrain.feed.cache import DecodedCache
from laketrain.feed.rows import RowReader
from laketrain.lake.stores.local import LocalStore

from .splits import File

FEATURES = FeatureSet.model_validate({
    "image": {"kind": "image", "column": "pixels", "shape": [8, 8, 3], "store": "png"},
    "label": {"kind": "label", "classes": 250}})
PIXELS = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8)
ORDER = np.array([7, 0, 9, 3, 3])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    batch = pa.RecordBatch.from_pydict({"pixels": [row.tobytes() for row in PIXELS], "label": list(range(10))})
    stored, _ = FEATURES.encode_batch(batch)
    (tmp_path / "lake").mkdir()
    pq.write_table(stored, tmp_path / "lake" / "x.parquet", row_group_size=4)
    return LocalStore(str(tmp_path / "lake"))


def read(store: LocalStore, cache: DecodedCache | None) -> dict[str, np.ndarray]:
    files = [File("x.parquet", 10, [4, 4, 2])]
    with RowReader(store, files, FEATURES, ("image", "label"), threads=1, cache=cache) as reader:
        return reader.read(ORDER)


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each decoding had."""
    seen: list[int] = []
    original = Image.decode

    def noted(self: Image, stored: pa.Array) -> np.ndarray:
        seen.append(len(stored))
        return original(self, stored)

    monkeypatch.setattr(Image, "decode", noted)
    return seen


def test_an_image_is_decoded_once(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, cache = decoded(monkeypatch), Cache(folder=str(tmp_path / "a cache"))
    for _ in range(2):
        result = read(store, DecodedCache.of(cache))
        np.testing.assert_array_equal(result["image"], PIXELS[ORDER])
        assert result["label"].tolist() == ORDER.tolist()
    assert sorted(seen) == [2, 4, 4]
    assert len(list((tmp_path / "a cache").glob("*.npy"))) == 3


@pytest.mark.parametrize("damage", [lambda content: content[:50], lambda content: b"", lambda content: b"\x80\x04N."])
def test_a_damaged_entry_is_decoded_again(store: LocalStore, tmp_path: Path, damage) -> None:
    cache = Cache(folder=str(tmp_path / "cache"))
    read(store, DecodedCache.of(cache))
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(damage(file.read_bytes()))
    np.testing.assert_array_equal(read(store, DecodedCache.of(cache))["image"], PIXELS[ORDER])
    assert all(np.load(file).dtype == np.uint8 for file in (tmp_path / "cache").iterdir())


def test_the_budget_limits_the_cache_over_all_ranks(store: LocalStore, tmp_path: Path) -> None:
    group = 4 * 8 * 8 * 3
    folder = tmp_path / "cache"
    folder.mkdir()
    for budget, files in ((group, 1), (group - 1, 1)):
        cache = DecodedCache(folder, budget)
        for _ in range(2):
            np.testing.assert_array_equal(read(store, cache)["image"], PIXELS[ORDER])
        assert sum(file.stat().st_size >= group for file in folder.iterdir()) == files
    taken = sum(file.stat().st_size for file in folder.iterdir())
    assert DecodedCache.of(Cache(folder=str(folder), gb=(taken + 1000) / 2**30), ranks=4)._budget == 250


def test_old_incomplete_files_are_deleted_and_new_ones_count(tmp_path: Path) -> None:
    for name, hours in (("dead", 2), ("young", 0)):
        (tmp_path / f"{name}.part").write_bytes(b"half" * 100)
        then = time.time() - 3600 * hours
        os.utime(tmp_path / f"{name}.part", (then, then))
    (tmp_path / "gone.npy").symlink_to(tmp_path / "removed meanwhile")
    assert DecodedCache.of(Cache(folder=str(tmp_path), gb=1000 / 2**30))._budget == 600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.npy", "young.part"]


def test_reading_works_without_a_writable_folder(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = DecodedCache.of(Cache(folder=str(tmp_path / "file")))
    np.testing.assert_array_equal(read(store, cache)["image"], PIXELS[ORDER])


def test_only_features_that_are_slow_to_decode_are_cached() -> None:
    plain = FeatureSet.model_validate({"image": {"kind": "image", "shape": [8, 8, 3]}})["image"]
    cache = DecodedCache("/nowhere", 1)
    assert cache.accepts(FEATURES["image"])
    assert not cache.accepts(plain)
    assert not cache.accepts(FEATURES["label"])
