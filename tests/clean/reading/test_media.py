"""Directories of images and audio: each file is a row or has a reason, in few tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.clean.reading.media import is_unknown_format
from laketrain.config.sources import FileSource
from laketrain.ingest import ingest, plan_ingest
from laketrain.lake import Lake, Version

from ...tables import land_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PNG, JPEG = b"\x89PNG\r\n\x1a\n and more", b"\xff\xd8\xff\xe0 and more than that"
PHOTOS = {
    "cat/1.jpg": JPEG, "cat/ä [2].png": PNG, "dog/_MG_3.JPG": JPEG, "dog/empty.jpg": b"", "dog/Thumbs.db": b"\xd0\xcf",
    "dog/big.jpg": JPEG + bytes(1 << 20), "readme.txt": b"Photos of pets", ".DS_Store": b"x", "cat/._1.jpg": b"x",
}


def ingested(folder: Path, files: dict[str, bytes], path: str = "", **settings: Any) -> tuple[Version, FileSource]:
    root = land_files(folder / "photos", files)
    source = FileSource.model_validate({"format": "images", "path": str(root / path), **settings})
    plan, key = plan_ingest("photos", source)
    return ingest(Lake(folder / "lake"), "photos", plan, key), source


def test_each_file_is_a_row_with_its_folder_or_has_its_reason(spark: SparkSession, tmp_path: Path):
    from laketrain.clean.reading import FILE, RECORD, REJECT, open_raw

    raw, source = ingested(tmp_path, PHOTOS, max_file_mb=1)
    assert raw.entry.meta["hidden"] == 2
    reading = open_raw(spark, raw, source)
    rows = {row["path"]: row for row in reading.frame.collect()}
    assert reading.count() == len(rows) == 7
    good = {path: (row["folder"], row["content"], row["bytes"]) for path, row in rows.items() if not row[REJECT]}
    assert good == {path: (path.split("/")[0], PHOTOS[path], len(PHOTOS[path]))
                    for path in ("cat/1.jpg", "cat/ä [2].png", "dog/_MG_3.JPG")}
    assert {path: row[REJECT]["reason"] for path, row in rows.items() if row[REJECT]} == {
        "dog/empty.jpg": "is empty",
        "dog/big.jpg": f"has {len(JPEG) + (1 << 20)} bytes, more than max_file_mb allows (1 MiB)",
        "dog/Thumbs.db": 'isn\'t an image file: it begins with "\\u00d0\\u00cf"',
        "readme.txt": 'isn\'t an image file: it begins with "Photos of pe"',
    }
    assert rows["dog/empty.jpg"][RECORD] == '{"path":"dog/empty.jpg","bytes":0}'
    assert rows["dog/empty.jpg"][FILE] == "dog/empty.jpg"


def test_a_file_over_the_limit_is_never_read(spark: SparkSession, tmp_path: Path):
    from laketrain.clean.reading import REJECT, open_raw

    raw, source = ingested(tmp_path, {"a.jpg": JPEG + bytes(1 << 20)}, max_file_mb=1)
    Path(raw.lake.store.local(raw.path("a.jpg")) or "").unlink()
    [row] = open_raw(spark, raw, source).frame.collect()
    assert "max_file_mb" in row[REJECT]["reason"]


def test_a_glob_takes_only_what_it_matches_and_the_folder_stays_the_class(spark: SparkSession, tmp_path: Path):
    from laketrain.clean.reading import open_raw

    raw, source = ingested(tmp_path, PHOTOS, "*/1.jpg")
    assert [(row["path"], row["folder"]) for row in open_raw(spark, raw, source).frame.collect()] == [
        ("cat/1.jpg", "cat")]
    raw, source = ingested(tmp_path, PHOTOS, "cat/*.jpg")
    assert [(row["path"], row["folder"]) for row in open_raw(spark, raw, source).frame.collect()] == [("1.jpg", "cat")]


def test_audio_is_wav_or_flac(spark: SparkSession, tmp_path: Path):
    from laketrain.clean.reading import REJECT, open_raw

    files = {"a.wav": b"RIFF\x24\0\0\0WAVEfmt ", "b.flac": b"fLaC\0\0\0\x22", "c.wav": b"ID3\x03 a song", "d.wav": JPEG,
             "e.wav": b"RIFX\0\0\0\x24WAVEfmt ", "f.flac": b"ID3\4\0\0\0\0\0\x14tag of twenty bytes.fLaC\0\0\0\x22",
             "g.mp3": b"ID3\4\0\0\0\0\0\x05hello\xff\xfb\x90\x64", "h.flac": b"ID3\4\0\0\0\0\x7f\x7fhello"}
    raw, source = ingested(tmp_path, files, format="audio")
    rows = open_raw(spark, raw, source).frame.collect()
    assert {row["path"]: bool(row[REJECT]) for row in rows} == {
        "a.wav": False, "b.flac": False, "c.wav": True, "d.wav": True, "e.wav": False, "f.flac": False, "g.mp3": True,
        "h.flac": True}


@pytest.mark.parametrize("head", [
    PNG, JPEG, b"GIF89a", b"BM1234", b"RIFF\0\0\0\0WEBPVP8 ", b"II*\0", b"\0\0\0\x1cftypavif"])
def test_image_formats_are_recognised_by_their_first_bytes(head: bytes):
    assert not is_unknown_format("images", head)
    assert is_unknown_format("images", b"RIFF\0\0\0\0WAVE") and is_unknown_format("images", b"<html>")


CIFAR = Path("../shared/data/cifar10-20k.tar")


@pytest.mark.slow
@pytest.mark.skipif(not CIFAR.exists(), reason=f"needs {CIFAR}, which is not part of the project")
@pytest.mark.parametrize("images", [4000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_a_folder_of_thousands_of_images_is_read_whole(spark: SparkSession, tmp_path: Path, images: int):
    """In ten folders of equal size."""
    import tarfile

    from pyspark.sql import functions as F

    from laketrain.clean.reading import REJECT, open_raw

    with tarfile.open(CIFAR) as archive:
        archive.extractall(tmp_path / "photos", [file for file in archive if int(file.name[-8:-4]) < images // 10])
    raw, source = ingested(tmp_path, {})
    reading = open_raw(spark, raw, source)
    counted = reading.frame.where(F.col(REJECT).isNull()).groupBy("folder").agg(
        F.count("*").alias("n"), F.sum(F.length("content") - F.col("bytes")).alias("off")).collect()
    assert reading.rows == images
    assert [(row["n"], row["off"]) for row in counted] == [(images // 10, 0)] * 10
