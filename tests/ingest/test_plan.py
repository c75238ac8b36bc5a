"""Planning which files to copy."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from laketrain.errors import DataError
from laketrain.ingest import ingest, listing, plan_ingest
from laketrain.lake import Lake

from .files import ingest_incremental, landing, source


def test_the_fingerprint_changes_if_and_only_if_the_files_do(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    _, before = plan_ingest("pixels", source(folder / "*.csv"))
    _, again = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="12")
    _, grown = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, z_csv="1")
    _, more = plan_ingest("pixels", source(folder / "*.csv"))
    assert before == again
    assert len({before, grown, more}) == 3


def old_name(path: str) -> str:
    """Names as before they had escapes."""
    return re.sub(r"[*?\[\]{}\\\x00-\x1f]", "_", path)


def test_files_with_names_of_an_older_laketrain_are_copied_again_but_not_by_appends(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lake = landing(tmp_path / "in", a__x_csv="1", **{"[b]__x_csv": "2"}), Lake(tmp_path / "lake")
    plain = landing(tmp_path / "plain", x_csv="1")
    with monkeypatch.context() as before:
        before.setattr(listing, "_name_in_lake", old_name)
        whole, same = plan_ingest("pixels", source(folder))[1], plan_ingest("pixels", source(plain))[1]
        assert [file.path for file in ingest_incremental(folder, lake).entry.files] == ["_b_/x.csv", "a/x.csv"]
    assert whole != plan_ingest("pixels", source(folder))[1]
    assert same == plan_ingest("pixels", source(plain))[1]
    landing(folder, **{"[c]__x_csv": "3"})
    assert [file.path for file in ingest_incremental(folder, lake).entry.files] == ["%5Bc%5D/x.csv"]


def test_a_path_without_matches_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file matches .*nothing"):
        plan_ingest("pixels", source(tmp_path / "nothing" / "*.csv"))


def test_a_changed_file_is_an_error_whose_hint_names_what_a_full_copy_would_drop(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1", y_csv="2"), Lake(tmp_path / "lake")
    ingest_incremental(folder, lake)
    landing(folder, x_csv="11")
    with pytest.raises(DataError, match=r"has 2 bytes, but had 1 when raw/pixels@1 landed it") as caught:
        ingest_incremental(folder, lake)
    assert "half written, or was corrected since, ingest all files again" in caught.value.hint
    assert "drops" not in caught.value.hint and "new name" not in caught.value.hint
    (folder / "y.csv").unlink()
    with pytest.raises(DataError) as caught:
        ingest_incremental(folder, lake)
    assert "that run drops the rows of 1 landed files that are no longer at the source, such as" in caught.value.hint
    assert f"{folder}/y.csv" in caught.value.hint


def test_a_full_copy_counts_the_files_that_disappeared_from_the_source(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1", y_csv="2", z_csv="3"), Lake(tmp_path / "lake")
    first = ingest_incremental(folder, lake)
    landing(folder, w_csv="4")
    second = ingest_incremental(folder, lake)
    for name in ("x.csv", "w.csv"):
        (folder / name).unlink()
    plan, key = plan_ingest("pixels", source(folder), second)
    assert ingest(lake, "pixels", plan, key).entry.counts == {"files": 2, "bytes": 2, "gone": 2}
    assert "gone" not in first.entry.counts
    assert plan_ingest("pixels", source(folder), lake.table("raw", "pixels").latest())[0].gone == 0
    lake.table("raw", "pixels").drop(1)
    assert plan_ingest("pixels", source(folder), second)[0].gone == 1  # of the files that are still in the lake


def test_a_file_that_changed_after_it_was_copied_is_an_error(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    ingest_incremental(folder, lake)
    os.utime(folder / "x.csv", (1, 1))
    with pytest.raises(DataError, match=r"x\.csv was written again after raw/pixels@1 landed it"):
        ingest_incremental(folder, lake)
    landing(folder, x_csv="12")
    with pytest.raises(DataError, match=r"x\.csv has 2 bytes, but had 1 when raw/pixels@1 landed it"):
        ingest_incremental(folder, lake)


def test_a_source_may_be_empty_if_it_is_configured_so(tmp_path: Path) -> None:
    plan, key = plan_ingest("pixels", source(tmp_path / "nothing" / "*.csv", empty="ok"))
    version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
    assert (version.number, version.entry.files) == (1, [])
    with pytest.raises(DataError, match=r"no file matches .*; 1 hidden ones were skipped"):
        plan_ingest("pixels", source(landing(tmp_path / "in", _SUCCESS="")))
