"""Landed files under the names that they have in the lake: all are read, and told by the names that they came with."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.ingest import ingest, listing, plan_ingest
from laketrain.lake import Lake, Version

from ...tables import clean_files, land_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def parquet(*texts: str) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), content)
    return content.getvalue()


CONTENTS: Mapping[str, tuple[str | bytes, str | bytes]] = {
    "csv": ("x\ny\n", "z\n"), "json": ('{"text":"x"}\n{"text":"y"}\n', '{"text":"z"}\n'),
    "parquet": (parquet("x", "y"), parquet("z")), "text": ("x\ny\n", "z\n"),
    "xml": ("<a><row><text>x</text></row><row><text>y</text></row></a>", "<a><row><text>z</text></row></a>"),
}


@pytest.mark.parametrize(("form", "name"), [*((form, "[a]:1") for form in CONTENTS), ("text", "?/{a}"), ("text", "*/b"),
                                              ("xml", "t=12:30/:a")])
def test_a_file_whose_name_begins_as_a_pattern_is_read(spark: SparkSession, tmp_path: Path, form: str, name: str
                                                       ) -> None:
    from laketrain.clean.reading import open_raw

    land_files(tmp_path / "landing", dict(zip((f"{name}.{form}", f"b.{form}"), CONTENTS[form], strict=True)))
    source = FileSource.model_validate({
        "format": form, "path": str(tmp_path / "landing"), "options": {"rowTag": "row"} if form == "xml" else {},
        **({} if form == "text" else {"schema": {"text": "string"}})})
    reading = open_raw(spark, grown(tmp_path, source), source)
    assert sorted(row["text"] for row in reading.frame.collect()) == ["x", "y", "z"]
    assert reading.count() == 3


@pytest.mark.parametrize(("form", "options"), [("csv", None), ("json", None), ("json", {"multiLine": True})])
def test_a_refused_row_names_its_file_as_it_was_landed(spark: SparkSession, tmp_path: Path, form: str,
                                                       options: Any) -> None:
    bad = {"csv": "id\n1,2\n", "json": '{"id": \n'}[form]
    names = ["[a]/what?.x", "%5Bb%5D.x", "50% + ü.x", "c.x"]
    cleaned = clean_files(spark, tmp_path, dict.fromkeys(names, bad), form=form, columns={"id": "string"},
                          options=options)
    assert sorted(row["file"] for row in cleaned.refused) == sorted(names)
    quarantine = cleaned.version.lake.table("quarantine", "table").latest()
    assert quarantine is not None
    assert sorted(one["file"] for one in quarantine.entry.counts["by"]) == sorted(names)


def landed_before(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Version, FileSource]:
    """The landing zone as it landed before names had escapes."""
    source = FileSource.model_validate({"path": str(folder / "landing"), **settings})
    with monkeypatch.context() as before:
        before.setattr(listing, "_name_in_lake", lambda path: re.sub(r"[*?\[\]{}]", "_", path))
        return grown(folder, source), source


def grown(folder: Path, source: FileSource) -> Version:
    lake = Lake(folder / "lake")
    return ingest(lake, "table", *plan_ingest("table", source, lake.table("raw", "table").latest()))


def test_what_landed_under_other_names_before_is_told_by_its_own(spark: SparkSession, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain.clean.reading import FILE, open_raw

    land_files(tmp_path / "landing", {"k=[x]/a.json": '{"id":"1"}\n', "k=what?/a.json": '{"id":"2"}\n'})
    raw, source = landed_before(tmp_path, monkeypatch, format="json", schema={"id": "string", "k": "string"},
                                incremental=True)
    assert [file.path for file in raw.entry.files] == ["k=_x_/a.json", "k=what_/a.json"]
    land_files(tmp_path / "landing", {"k={y}/a.json": '{"id":"3"}\n'})
    rows = open_raw(spark, grown(tmp_path, source), source).frame.collect()
    assert sorted((row["id"], row["k"], row[FILE]) for row in rows) == [
        ("1", "[x]", "k=[x]/a.json"), ("2", "what?", "k=what?/a.json"), ("3", "{y}", "k={y}/a.json")]


@pytest.mark.parametrize(("form", "name", "readable"), [
    ("text", "12:30.txt", False), ("text", "t=12:30/a.txt", True), ("libsvm", "t=12:30/a.txt", False)])
def test_a_file_that_landed_with_a_colon_is_read_or_refused_by_name(
        spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, name: str, readable: bool
) -> None:
    from laketrain.clean.reading import FILE, open_raw

    land_files(tmp_path / "landing", {name: "1 1:2.5\n"})
    settings = {} if form == "text" else {"schema": {"label": "double"}}
    raw, source = landed_before(tmp_path, monkeypatch, format=form, incremental=True, **settings)
    assert [file.path for file in raw.entry.files] == [name]
    if readable:
        assert [row[FILE] for row in open_raw(spark, raw, source).frame.collect()] == [name]
        return
    with pytest.raises(DataError, match=rf"raw/table@1/{name}: has a colon in .* ingested from {name}") as caught:
        open_raw(spark, raw, source)
    assert "'sources.table.incremental' false" in caught.value.hint
    again = source.model_copy(update={"incremental": False})
    raw = ingest(Lake(tmp_path / "lake"), "table", *plan_ingest("table", again))
    assert [row[FILE] for row in open_raw(spark, raw, again).frame.collect()] == [name]


@pytest.mark.parametrize("form", ["text", "csv"])
def test_a_file_that_spark_passes_over_for_its_name_in_the_lake_is_refused(
        spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    from laketrain.clean.reading import open_raw

    land_files(tmp_path / "landing", {"[a].txt": "1\n2\n", "b.txt": "3\n"})
    schema = {} if form == "text" else {"schema": {"text": "string"}}
    raw, source = landed_before(tmp_path, monkeypatch, format=form, incremental=True, **schema)
    with pytest.raises(DataError) as caught:
        open_raw(spark, raw, source)
    assert "raw/table@1/_a_.txt" in str(caught.value) and "it was ingested from [a].txt" in str(caught.value)
    assert "'sources.table.incremental' false" in str(caught.value)
    again = source.model_copy(update={"incremental": False})
    raw = ingest(Lake(tmp_path / "lake"), "table", *plan_ingest("table", again))
    assert open_raw(spark, raw, again).count() == 3


def test_two_files_of_one_name_in_the_lake_that_came_from_two_are_refused(
        spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain.clean.reading import open_raw

    land_files(tmp_path / "landing", {"a[.txt": "1\n"})
    _, source = landed_before(tmp_path, monkeypatch, format="text", incremental=True)
    land_files(tmp_path / "landing", {"a_.txt": "2\n"})
    with pytest.raises(DataError, match=r"was ingested from a_\.txt, and raw/table@1/a_\.txt from a\[\.txt"):
        open_raw(spark, grown(tmp_path, source), source)
