"""Listing the files of a source."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.raw_files import raw_files
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.ingest import ingest, listing, plan_ingest
from laketrain.lake import Lake
from laketrain.lake.paths import is_hidden

from .files import landing, source


def test_a_directory_is_listed_with_its_folders_and_without_hidden_files(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", b__x_csv="1", c__x_csv="2", _SUCCESS="", b___half="x")
    plan, _ = plan_ingest("pixels", source(folder))
    assert [file.name for file in plan.files] == ["b/x.csv", "c/x.csv"]


def test_a_file_name_that_is_not_utf_8_is_an_error_that_shows_it(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    os.mkdir(os.fsencode(folder) + b"/d\xfcr")
    Path(os.fsdecode(os.fsencode(folder) + b"/d\xfcr/y.csv")).write_text("2")
    with pytest.raises(DataError, match=r"source 'pixels': the file .*/in/d\\xfcr/y\.csv has a name that isn't UTF-8"):
        plan_ingest("pixels", source(folder))


def test_wildcards_of_spark_are_percent_encoded_in_the_lake(tmp_path: Path) -> None:
    names = {"a{1}[x].csv": "a%7B1%7D%5Bx%5D.csv", "[a]/?*.csv": "%5Ba%5D/%3F%2A.csv",
             "t=12:30/:a:.csv": "t=12%3A30/%3Aa%3A.csv", "b\\\n\x85.csv": "b%5C%0A%C2%85.csv",
             "50%/c%5B + ü.csv": "50%/c%5B + ü.csv"}
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    plan, key = plan_ingest("pixels", source(tmp_path / "in"))
    version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
    assert {file.original: file.file.path for file in raw_files(version)} == names
    assert all(file.open().read().decode() == file.original for file in raw_files(version))
    assert {path: url.rpartition("/in/")[2] for path, url in version.entry.meta["sources"].items()} == {
        path: name for name, path in names.items()}


@given(st.lists(st.text(st.sampled_from("ab[]{}*?:\\%5B.-_=\n\x7f"), min_size=1), min_size=1).map("/".join))
def test_a_visible_file_is_neither_hidden_nor_a_wildcard_in_the_lake(path: str) -> None:
    name = listing._name_in_lake(path)
    assert not set("*?:[]{}\\") & set(name)
    assert listing._is_hidden(name, "csv") == listing._is_hidden(path, "csv")
    assert listing._is_hidden(name, "csv") or not is_hidden(name)
    assert name == path or unquote(name) == unquote(path)


def test_two_files_with_the_same_name_in_the_lake_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a[.csv").write_text("1")
    (folder / "a%5B.csv").write_text("2")
    with pytest.raises(DataError, match=r"would both be a%5B\.csv"):
        plan_ingest("pixels", source(folder))


def test_hidden_files_are_counted_and_photos_may_begin_with_an_underscore(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", a="1", _MG_1="2", _tmp__b="3")
    (folder / ".DS_Store").write_text("x")
    (folder / "half.csv._COPYING_").write_text("Hadoop writes it still, and Spark passes it over")
    plan, key = plan_ingest("pixels", source(folder))
    assert ([file.name for file in plan.files], plan.listing.hidden) == (["a"], 4)
    photos = FileSource.model_validate({"format": "images", "path": str(folder)})
    plan, key = plan_ingest("photos", photos)
    assert ([file.name for file in plan.files], plan.listing.hidden) == (["_MG_1", "_tmp/b", "a"], 2)
    assert ingest(Lake(tmp_path / "lake"), "photos", plan, key).entry.meta["hidden"] == 2
