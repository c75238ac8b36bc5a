"""Image and sound files through Spark into a dataset, and out of it by our feed and by Petastorm's reader."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake
from laketrain.workload import Convert

from ..tables import commit_table, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

SIDE, RATE, COUNT = 8, 4000, 60
FEATURES = {
    "photo": {"kind": "image", "encoded": True, "shape": [SIDE, SIDE, 3], "store": "png"},
    "sound": {"kind": "audio", "rate": RATE, "bands": 8, "window_ms": 40, "bucket_seconds": [0.25, 0.5]},
    "label": {"kind": "label", "classes": 3},
    "name": {"kind": "key"},
}


def pixels_of(number: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def samples_of(number: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(number).uniform(-0.5, 0.5, 700 + 300 * (number % 5))


def files_of(number: int) -> tuple[bytes, bytes]:
    photo, sound = io.BytesIO(), io.BytesIO()
    Pillow.fromarray(pixels_of(number)).save(photo, "PNG")
    soundfile.write(sound, samples_of(number), RATE, format="WAV", subtype="FLOAT")
    return photo.getvalue(), sound.getvalue()


def test_valid_files_are_fed_unchanged_and_the_others_are_quarantined(spark: SparkSession, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("petastorm")
    from petastorm import make_reader

    from laketrain.convert import convert, fingerprint_convert

    rows = [dict(zip(("photo", "sound"), files_of(number), strict=True), label=number % 3, name=f"n{number}")
            for number in range(COUNT)]
    rows[3]["photo"], rows[7]["photo"], rows[9]["sound"] = rows[3]["photo"][:70], b"not a picture", b""
    config = Convert.model_validate({"table": "things", "features": FEATURES, "max_reject_fraction": 0.1, "split": {
        "by": "name", "fractions": {"train": 0.8, "test": 0.2}}})
    lake = Lake(str(tmp_path / "lake"))
    table = commit_table(lake, "things", rows, "photo binary, sound binary, label int, name string", files=3)
    version = convert(spark, table, "things", config, fingerprint_convert(table, config))

    counts = version.entry.counts
    assert (counts["in"], counts["out"], counts["quarantined"]) == (COUNT, COUNT - 3, 3)
    reasons = sorted(row["reason"] for row in rows_of(lake.table("quarantine", "things-features").latest()))
    assert reasons[0].startswith("photo is truncated: a PNG that ends after 70 bytes")
    assert reasons[1].startswith("photo isn't an image file: begins with 'not a pictur'")
    assert reasons[2:] == ["sound is empty"]

    dataset = Dataset(version)
    seen = 0
    for split, size in dataset.splits.items():
        ours = dataset.sample(split, size)
        path = lake.store.local(version.path(split))
        with make_reader(f"file://{path}", reader_pool_type="dummy", shuffle_row_groups=False) as reader:
            theirs = {row.name: row for row in reader}
        assert len(theirs) == size
        for name, photo, sound in zip(ours["name"], ours["photo"], ours["sound"], strict=True):
            number = int(name[1:])
            np.testing.assert_array_equal(photo, pixels_of(number))
            np.testing.assert_array_equal(theirs[name].photo, photo)
            steps = 1 + (len(samples_of(number)) - 160) // 40
            assert np.flatnonzero(sound.any(axis=1)).tolist() == [*range(steps)]
            assert len(theirs[name].sound) == (22 if steps <= 22 else 47)
            seen += 1
    assert seen == COUNT - 3


def test_sounds_are_stored_in_buckets_and_standardised_by_the_train_split(spark: SparkSession, tmp_path: Path) -> None:
    from laketrain.convert import convert, fingerprint_convert

    rows = [{"sound": files_of(number)[1], "label": number % 3, "name": f"n{number}"} for number in range(COUNT)]
    config = Convert.model_validate({
        "table": "sounds", "features": {name: FEATURES[name] for name in ("sound", "label", "name")},
        "split": {"by": "name", "fractions": {"train": 0.8, "test": 0.2}}})
    lake = Lake(str(tmp_path / "lake"))
    table = commit_table(lake, "sounds", rows, "sound binary, label int, name string")
    version = convert(spark, table, "sounds", config, fingerprint_convert(table, config))

    parts = Dataset(version).buckets("train")
    assert [bucket for bucket, _ in parts] == [0, 1]
    sample = Dataset(version).sample("train", COUNT)
    real = sample["sound"][sample["sound"].any(axis=-1)]
    # Standardised by the statistics of the train split, so these are its mean and deviation.
    np.testing.assert_allclose(real.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(real.std(axis=0), 1, atol=1e-3)
