"""Sources on S3: what others write while this process lives is seen."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import s3fs

from laketrain.clean.reading.raw_files import raw_files
from laketrain.config.sources import FileSource
from laketrain.ingest import ingest, plan_ingest
from laketrain.ingest.listing import list_source
from laketrain.lake import Lake

from ..lake.servers import BUCKET, s3_server


@pytest.fixture
def landing() -> Iterator[str]:
    """A folder of the bucket, with nothing in it, at a server that no client of this process has met."""
    with s3_server():
        s3fs.S3FileSystem.clear_instance_cache()
        yield f"s3://{BUCKET}/{uuid.uuid4().hex}"
    s3fs.S3FileSystem.clear_instance_cache()


def write(landing: str, name: str, text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{landing.rpartition('/')[2]}/{name}", Body=text.encode())


def source(path: str) -> FileSource:
    return FileSource.model_validate({"format": "csv", "path": path, "schema": {"a": "string"}, "incremental": True})


@pytest.mark.parametrize("pattern", ["", "/", "/*.csv"], ids=["folder", "slash", "glob"])
def test_a_process_that_listed_before_sees_new_files(
        landing: str, pattern: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    raw = lake.table("raw", "pixels")
    for number, name in enumerate(("x.csv", "y.csv", "z.csv"), 1):
        write(landing, name, "1")
        plan, key = plan_ingest("pixels", source(landing + pattern), raw.latest())
        version = raw.find(key) or ingest(lake, "pixels", plan, key)
        assert (version.number, [file.path for file in version.entry.files]) == (number, [name])


def test_an_object_that_represents_a_folder_is_not_a_file(landing: str) -> None:
    """Consoles make one, of no bytes, for a folder that shall be there before its files are."""
    for name, text in {"": "", "b/": "", "b/x.csv": "1"}.items():
        write(landing, name, text)
    assert [file.name for file in list_source("pixels", source(landing)).files] == ["b/x.csv"]


def test_files_with_wildcards_in_their_names_keep_their_original_names(landing: str) -> None:
    names = ["[a]/what?.csv", "k=50%25/{b}.csv", "k=%5Bc%5D/d + ü.csv"]
    for name in names:
        write(landing, name, name)
    version = ingest(Lake(f"{landing}-lake"), "pixels", *plan_ingest("pixels", source(landing)))
    assert {file.original: file.open().read().decode() for file in raw_files(version)} == {name: name for name in names}
    assert sorted(file.file.path for file in raw_files(version)) == [
        "%5Ba%5D/what%3F.csv", "k=%5Bc%5D/d + ü.csv", "k=50%25/%7Bb%7D.csv"]
